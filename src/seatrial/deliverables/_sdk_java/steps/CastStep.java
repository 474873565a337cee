package seatrial.steps;

import java.math.BigDecimal;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** {@code cast}: changes the number type. */
public final class CastStep {
    private CastStep() {}

    /**
     * Numbers that the target cannot hold are refused, because a plain cast would wrap them in silence.
     *
     * @param value an array, a number or nested lists
     * @param context not used
     * @param dtype NumPy's name of the target, such as {@code float32}
     */
    public static Object apply(Object value, Context context, String dtype) {
        NdArray array = Values.array(value);
        DType target = DType.named(dtype);
        if (target.kind() == 'f') {
            return Values.toFloat(array, target);
        }
        if (target.kind() != 'b') {
            checkRange(array, target);
        }
        return array.as(target);
    }

    private static void checkRange(NdArray array, DType target) {
        BigDecimal low = BigDecimal.valueOf(target.smallest());
        BigDecimal high = BigDecimal.valueOf(target.largest());
        for (int i = 0; i < array.size(); i++) {
            double value = array.at(i);
            if (Double.isNaN(value) || Double.isInfinite(value)) {
                throw new ContractException("cannot turn NaN or infinity into " + target.spelled());
            }
            boolean exact = array.type().kind() == 'i';
            BigDecimal number = exact ? BigDecimal.valueOf(array.longAt(i)) : new BigDecimal(value);
            if (number.compareTo(low) < 0 || number.compareTo(high) > 0) {
                throw new ContractException(number + " does not fit into " + target.spelled());
            }
        }
    }
}
