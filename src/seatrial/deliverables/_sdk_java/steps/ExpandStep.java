package seatrial.steps;

import java.util.Arrays;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code expand}: adds an axis of size 1. */
public final class ExpandStep {
    private ExpandStep() {}

    /**
     * The same numbers with one axis more. The batch axis is not added here: that is done for you.
     *
     * @param value an array
     * @param context not used
     * @param axis where the new axis stands in the result; -1 is the end
     */
    public static Object apply(Object value, Context context, int axis) {
        NdArray array = Values.array(value);
        if (axis < -array.rank() - 1 || axis > array.rank()) {
            throw new ContractException(
                    "axis " + axis + " cannot be added to shape " + Arrays.toString(array.shape()));
        }
        int place = Math.floorMod(axis, array.rank() + 1);
        int[] shape = new int[array.rank() + 1];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = i == place ? 1 : array.dim(i < place ? i : i - 1);
        }
        return array.reshaped(shape);
    }
}
