package seatrial.steps;

import java.util.LinkedHashMap;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code threshold}: yes or no by one probability. */
public final class ThresholdStep {
    private ThresholdStep() {}

    /**
     * The probability of class 1 into {@code class}, {@code index} and {@code confidence}.
     *
     * @param value one probability, or those of both classes
     * @param context has the labels
     * @param at from this on the answer is 1
     */
    public static Object apply(Object value, Context context, double at) {
        NdArray scores = Values.array(value, -1, "one probability");
        if (scores.size() != 1 && scores.size() != 2) {
            throw new ContractException(
                    "takes the probability of one class or of two, not " + scores.size() + " numbers");
        }
        if (!(at >= 0 && at <= 1)) {
            throw new ContractException("at is " + at + " and must be between 0 and 1");
        }
        double probability = scores.at(scores.size() - 1);
        int index = probability >= at ? 1 : 0;
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("class", Scores.nameOf(context.labels(), index));
        answer.put("index", (long) index);
        answer.put("confidence", index == 1 ? probability : 1 - probability);
        return answer;
    }
}
