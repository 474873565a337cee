package seatrial.steps;

import java.util.Arrays;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code reshape}: the same numbers in another shape. */
public final class ReshapeStep {
    private ReshapeStep() {}

    /**
     * The numbers stay in their order.
     *
     * @param value an array
     * @param context not used
     * @param shape the new one; one size may be -1, which is worked out
     */
    public static Object apply(Object value, Context context, int[] shape) {
        NdArray array = Values.array(value);
        int known = 1;
        int open = -1;
        boolean wrong = false;
        for (int i = 0; i < shape.length; i++) {
            if (shape[i] == -1) {
                wrong |= open >= 0;
                open = i;
            } else {
                wrong |= shape[i] < 0;
                known *= Math.max(0, shape[i]);
            }
        }
        wrong |= open >= 0 ? known == 0 || array.size() % known != 0 : known != array.size();
        if (wrong) {
            throw new ContractException(
                    "shape " + Arrays.toString(array.shape()) + " cannot become " + Arrays.toString(shape));
        }
        int[] wanted = shape.clone();
        if (open >= 0) {
            wanted[open] = array.size() / known;
        }
        return array.reshaped(wanted);
    }
}
