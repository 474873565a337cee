package seatrial.steps;

import java.util.Arrays;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code transpose}: reorders the axes. */
public final class TransposeStep {
    private TransposeStep() {}

    /**
     * Axis {@code order[i]} of the value becomes axis {@code i}.
     *
     * @param value an array
     * @param context not used
     * @param order of the axes, such as 2, 0, 1 from height-width-channel to channel-height-width
     */
    public static Object apply(Object value, Context context, int[] order) {
        NdArray array = Values.array(value);
        int rank = array.rank();
        int[] sorted = order.clone();
        Arrays.sort(sorted);
        for (int i = 0; i < Math.max(rank, sorted.length); i++) {
            if (rank != sorted.length || sorted[i] != i) {
                throw new ContractException(
                        "order " + Arrays.toString(order) + " is no permutation of the axes of shape "
                                + Arrays.toString(array.shape()));
            }
        }
        int[] strides = new int[rank];
        for (int axis = rank - 1, stride = 1; axis >= 0; axis--) {
            strides[axis] = stride;
            stride *= array.dim(axis);
        }
        int[] shape = new int[rank];
        int[] steps = new int[rank];
        for (int i = 0; i < rank; i++) {
            shape[i] = array.dim(order[i]);
            steps[i] = strides[order[i]];
        }
        int[] places = new int[array.size()];
        int[] index = new int[rank];
        int place = 0;
        for (int i = 0; i < places.length; i++) {
            places[i] = place;
            for (int axis = rank - 1; axis >= 0; axis--) {
                place += steps[axis];
                if (++index[axis] < shape[axis]) {
                    break;
                }
                place -= steps[axis] * shape[axis];
                index[axis] = 0;
            }
        }
        return array.gathered(places, shape);
    }
}
