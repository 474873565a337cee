package seatrial.steps;

import java.util.Arrays;
import java.util.TreeSet;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code squeeze}: drops axes of size 1. */
public final class SqueezeStep {
    private SqueezeStep() {}

    /**
     * An axis of another size is refused: dropping it would drop values.
     *
     * @param value an array
     * @param context not used
     * @param axes which ones; -1 is the last one
     */
    public static Object apply(Object value, Context context, int[] axes) {
        NdArray array = Values.array(value);
        TreeSet<Integer> places = new TreeSet<>();
        for (int axis : axes) {
            places.add(Values.axis(array, axis));
        }
        for (int place : places) {
            if (array.dim(place) != 1) {
                throw new ContractException(
                        "axis " + place + " of shape " + Arrays.toString(array.shape()) + " is not 1");
            }
        }
        int[] shape = array.shape();
        int[] wanted = new int[shape.length - places.size()];
        for (int i = 0, j = 0; i < shape.length; i++) {
            if (!places.contains(i)) {
                wanted[j++] = shape[i];
            }
        }
        return array.reshaped(wanted);
    }
}
