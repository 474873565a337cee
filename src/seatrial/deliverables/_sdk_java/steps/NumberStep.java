package seatrial.steps;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.LinkedHashMap;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code number}: one number, scaled back and rounded. */
public final class NumberStep {
    private NumberStep() {}

    /**
     * One number * scale + offset into {@code value}; undoes the scaling of a target.
     *
     * @param value one number
     * @param context not used
     * @param scale the factor
     * @param offset added then
     * @param digits behind the point to round to, ties to the even one; null: not rounded
     */
    public static Object apply(Object value, Context context, double scale, double offset, Integer digits) {
        NdArray array = Values.array(value, -1, "one number");
        if (array.size() != 1) {
            throw new ContractException("takes one number, not " + array.size());
        }
        double number = array.at(0) * scale + offset;
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("value", digits == null ? number : rounded(number, digits));
        return answer;
    }

    private static double rounded(double number, int digits) {
        if (Double.isNaN(number) || Double.isInfinite(number)) {
            return number;
        }
        double found = new BigDecimal(number).setScale(digits, RoundingMode.HALF_EVEN).doubleValue();
        return Math.copySign(found, number);
    }
}
