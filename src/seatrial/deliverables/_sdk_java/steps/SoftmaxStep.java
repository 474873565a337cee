package seatrial.steps;

import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** {@code softmax}: scores into probabilities that add up to 1. */
public final class SoftmaxStep {
    private SoftmaxStep() {}

    /**
     * exp(x - max) / sum along an axis, in float64, given back in the scores' type (at least float32).
     *
     * @param value an array of scores
     * @param context not used
     * @param axis of the array; -1 is the last one
     */
    public static Object apply(Object value, Context context, int axis) {
        NdArray scores = Values.array(value);
        int place = Values.axis(scores, axis);
        if (scores.size() == 0) {
            throw new ContractException("there are no scores");
        }
        int length = scores.dim(place);
        int inner = 1;
        for (int i = place + 1; i < scores.rank(); i++) {
            inner *= scores.dim(i);
        }
        double[] found = new double[scores.size()];
        double[] row = new double[length];
        for (int i = 0; i < found.length / length; i++) {
            int start = i / inner * length * inner + i % inner;
            double most = Double.NEGATIVE_INFINITY;
            for (int j = 0; j < length; j++) {
                most = Math.max(most, scores.at(start + j * inner)); // NaN stays NaN
            }
            for (int j = 0; j < length; j++) {
                row[j] = Math.exp(scores.at(start + j * inner) - most);
            }
            double sum = inner == 1 ? Sums.pairwise(row, 0, length) : Sums.inOrder(row, length);
            for (int j = 0; j < length; j++) {
                found[start + j * inner] = row[j] / sum;
            }
        }
        NdArray result = NdArray.of(found, scores.shape());
        return scores.type() == DType.FLOAT64 ? result : result.as(DType.FLOAT32);
    }
}
