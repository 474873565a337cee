package seatrial.steps;

import java.util.Arrays;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code argmax}: the index of the largest value. */
public final class ArgmaxStep {
    private ArgmaxStep() {}

    /**
     * Indices along an axis, int64; the first one where several are largest, and NaN is larger than any number.
     *
     * @param value an array
     * @param context not used
     * @param axis of the array; -1 is the last one
     */
    public static Object apply(Object value, Context context, int axis) {
        return along(Values.array(value), axis);
    }

    static NdArray along(NdArray array, int axis) {
        int place = Values.axis(array, axis);
        if (array.size() == 0) {
            throw new ContractException("there are no values");
        }
        int[] shape = array.shape();
        int length = shape[place];
        int inner = NdArray.product(Arrays.copyOfRange(shape, place + 1, shape.length));
        int[] wanted = new int[shape.length - 1];
        for (int i = 0; i < wanted.length; i++) {
            wanted[i] = shape[i < place ? i : i + 1];
        }
        long[] found = new long[array.size() / length];
        for (int i = 0; i < found.length; i++) {
            int start = i / inner * length * inner + i % inner;
            int best = 0;
            for (int j = 1; j < length; j++) {
                if (larger(array, start + j * inner, start + best * inner)) {
                    best = j;
                }
            }
            found[i] = best;
        }
        return NdArray.of(found, wanted);
    }

    private static boolean larger(NdArray array, int one, int other) {
        if (array.type().kind() == 'i') {
            return array.longAt(one) > array.longAt(other);
        }
        double left = array.at(one);
        double right = array.at(other);
        return left > right || Double.isNaN(left) && !Double.isNaN(right);
    }
}
