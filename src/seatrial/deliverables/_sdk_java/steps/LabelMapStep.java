package seatrial.steps;

import java.util.LinkedHashMap;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code label_map}: a class index into its name. */
public final class LabelMapStep {
    private LabelMapStep() {}

    /**
     * One index into {@code class} and {@code index}. There is no confidence: the model did not give one.
     *
     * @param value one whole number
     * @param context has the labels
     */
    public static Object apply(Object value, Context context) {
        NdArray array = Values.array(value, -1, "one class index");
        if (array.size() != 1 || array.at(0) != Math.rint(array.at(0)) || Double.isInfinite(array.at(0))) {
            throw new ContractException("takes one class index, not " + array);
        }
        long index = array.longAt(0);
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("class", Scores.nameOf(context.labels(), index));
        answer.put("index", index);
        return answer;
    }
}
