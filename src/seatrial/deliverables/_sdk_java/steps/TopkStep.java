package seatrial.steps;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code topk}: the best classes by their scores. */
public final class TopkStep {
    private TopkStep() {}

    /**
     * Scores [classes] into {@code class}, {@code index} and {@code confidence} of the best, and {@code top}, the best
     * {@code k}, if there are to be several. Equal scores are ordered by class index.
     *
     * @param value one score a class
     * @param context has the labels
     * @param k how many
     */
    public static Object apply(Object value, Context context, int k) {
        NdArray scores = Scores.ofClasses(value, context);
        if (k < 1) {
            throw new ContractException("k is " + k + " and must be 1 or more");
        }
        Integer[] order = Scores.bestFirst(scores.doubles());
        List<Map<String, Object>> top = new ArrayList<>();
        for (int i = 0; i < Math.min(k, order.length); i++) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("class", Scores.nameOf(context.labels(), order[i]));
            entry.put("index", (long) order[i]);
            entry.put("confidence", scores.at(order[i]));
            top.add(entry);
        }
        Map<String, Object> answer = new LinkedHashMap<>(top.get(0));
        if (k > 1) {
            answer.put("top", top);
        }
        return answer;
    }
}
