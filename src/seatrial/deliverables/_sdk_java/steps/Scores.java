package seatrial.steps;

import seatrial.ContractException;
import seatrial.Context;
import seatrial.Names;
import seatrial.NdArray;

/** What the class steps share: one score a class, the name of a class, and an order that does not change. */
public final class Scores {
    private Scores() {}

    /** One row of scores, as many as there are labels. */
    public static NdArray ofClasses(Object value, Context context) {
        NdArray scores = Values.array(value, 1, "one score a class");
        if (scores.size() == 0) {
            throw new ContractException("there are no scores");
        }
        if (!context.labels().isEmpty() && context.labels().size() != scores.size()) {
            throw new ContractException(
                    "the model gives " + scores.size() + " scores and the contract has " + context.labels().size()
                            + " labels");
        }
        return scores;
    }

    /** The name of a class: its label, or its number where there are no labels. */
    public static String nameOf(Names labels, long index) {
        if (labels.isEmpty()) {
            return Long.toString(index);
        }
        if (index < 0 || index >= labels.size()) {
            throw new ContractException("class " + index + " has no label; there are " + labels.size());
        }
        return labels.get((int) index);
    }

    /** Places of the numbers, the largest first; equal ones keep their order, NaN comes last. */
    public static Integer[] bestFirst(double[] scores) {
        Integer[] order = new Integer[scores.length];
        for (int i = 0; i < order.length; i++) {
            order[i] = i;
        }
        java.util.Arrays.sort(order, (left, right) -> compare(scores[left], scores[right]));
        return order;
    }

    private static int compare(double left, double right) {
        if (Double.isNaN(left) || Double.isNaN(right)) {
            return Boolean.compare(Double.isNaN(left), Double.isNaN(right));
        }
        return left > right ? -1 : left < right ? 1 : 0; // 0.0 and -0.0 are equal here
    }
}
