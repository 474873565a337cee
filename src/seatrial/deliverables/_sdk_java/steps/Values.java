package seatrial.steps;

import java.util.Arrays;
import java.util.List;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.Lists;
import seatrial.NdArray;

/** What steps take: the guards that turn a wrong value into a sentence. */
public final class Values {
    private Values() {}

    /** The value as an array of numbers, of any number of axes. */
    public static NdArray array(Object value) {
        return array(value, -1, "an array");
    }

    /**
     * The value as an array of numbers.
     *
     * @param value an {@code NdArray}, a number, or nested lists of numbers
     * @param rank the number of axes it must have, or -1 for any
     * @param what the step takes, for the error
     */
    public static NdArray array(Object value, int rank, String what) {
        Object found = value;
        if (value instanceof Number || value instanceof Boolean || value instanceof List<?>) {
            found = Lists.array(value, what);
        }
        if (!(found instanceof NdArray array) || array.type().kind() == 'U') {
            throw new ContractException("takes " + what + ", not " + describe(value));
        }
        if (rank >= 0 && array.rank() != rank) {
            throw new ContractException(
                    "takes " + what + " of " + rank + " axes, not one of shape " + Arrays.toString(array.shape()));
        }
        return array;
    }

    /** The value as an image: height, width, channels, none of them zero. */
    public static NdArray image(Object value) {
        NdArray image = array(value, 3, "an image (height, width, channels)");
        if (image.size() == 0) {
            throw new ContractException(
                    "takes an image with pixels, not one of shape " + Arrays.toString(image.shape()));
        }
        return image;
    }

    /** The numbers in a floating type; refuses a finite one that would become infinite. */
    public static NdArray toFloat(NdArray array, DType target) {
        NdArray result = array.as(target);
        if (target == DType.FLOAT16 || target == DType.FLOAT32 && array.type() == DType.FLOAT64) {
            for (int i = 0; i < result.size(); i++) {
                if (Double.isInfinite(result.at(i)) && !Double.isInfinite(array.at(i))) {
                    throw new ContractException("holds numbers too large for " + target.spelled());
                }
            }
        }
        return result;
    }

    /** {@code axis} counted from the front; -1 is the last one. */
    public static int axis(NdArray array, int axis) {
        if (axis < -array.rank() || axis >= array.rank()) {
            throw new ContractException(
                    "axis " + axis + " does not exist in shape " + Arrays.toString(array.shape()));
        }
        return Math.floorMod(axis, array.rank());
    }

    /** A value in few words. */
    public static String describe(Object value) {
        if (value instanceof String) {
            return "text";
        }
        if (value instanceof NdArray) {
            return value.toString();
        }
        return value == null ? "nothing" : "a value of type " + value.getClass().getSimpleName();
    }
}
