package seatrial.steps;

import seatrial.Context;
import seatrial.DType;
import seatrial.NdArray;

/** {@code sigmoid}: each score into a probability of its own. */
public final class SigmoidStep {
    private SigmoidStep() {}

    /**
     * 1 / (1 + exp(-x)), in float64, given back in the scores' type (at least float32).
     *
     * @param value an array of scores
     * @param context not used
     */
    public static Object apply(Object value, Context context) {
        NdArray scores = Values.array(value);
        double[] found = new double[scores.size()];
        for (int i = 0; i < found.length; i++) {
            found[i] = 1 / (1 + Math.exp(-scores.at(i)));
        }
        NdArray result = NdArray.of(found, scores.shape());
        return scores.type() == DType.FLOAT64 ? result : result.as(DType.FLOAT32);
    }
}
