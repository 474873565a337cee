package seatrial.steps;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import seatrial.ContractException;
import seatrial.DType;
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
            found = fromLists(value, what);
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

    /** Nested lists as an array: all truths are bool, all whole numbers int64, else float64. */
    public static NdArray fromLists(Object value, String what) {
        List<Integer> shape = new ArrayList<>();
        DType inside = null;
        Object first = value;
        while (first instanceof List<?> list) {
            shape.add(list.size());
            first = list.isEmpty() ? null : list.get(0);
        }
        if (first instanceof NdArray array) {
            for (int each : array.shape()) {
                shape.add(each);
            }
            inside = array.type();
        }
        List<Object> leaves = new ArrayList<>();
        collect(value, shape, 0, leaves, what);
        boolean truths = !leaves.isEmpty();
        boolean whole = !leaves.isEmpty();
        for (Object each : leaves) {
            truths &= each instanceof Boolean;
            whole &= each instanceof Boolean || each instanceof Long || each instanceof Integer;
        }
        int[] sizes = shape.stream().mapToInt(Integer::intValue).toArray();
        DType type = inside != null ? inside : truths ? DType.BOOL : whole ? DType.INT64 : DType.FLOAT64;
        long[] longs = new long[leaves.size()];
        double[] doubles = new double[leaves.size()];
        for (int i = 0; i < longs.length; i++) {
            Object each = leaves.get(i) instanceof Boolean truth ? (Number) (truth ? 1L : 0L) : leaves.get(i);
            longs[i] = ((Number) each).longValue();
            doubles[i] = ((Number) each).doubleValue();
        }
        NdArray wide = type.kind() == 'f' ? NdArray.of(doubles, sizes) : NdArray.of(longs, sizes);
        return wide.as(type);
    }

    private static void collect(Object value, List<Integer> shape, int depth, List<Object> leaves, String what) {
        if (value instanceof NdArray array) {
            List<Integer> rest = shape.subList(Math.min(depth, shape.size()), shape.size());
            if (!rest.equals(Arrays.stream(array.shape()).boxed().toList())) {
                throw new ContractException("takes " + what + ", and the nested list it was given is ragged");
            }
            for (int i = 0; i < array.size(); i++) {
                leaves.add(array.type().kind() == 'f' ? (Object) array.at(i) : (Object) array.longAt(i));
            }
            return;
        }
        boolean list = value instanceof List<?>;
        if (list != depth < shape.size() || list && ((List<?>) value).size() != shape.get(depth)) {
            throw new ContractException("takes " + what + ", and the nested list it was given is ragged");
        }
        if (list) {
            ((List<?>) value).forEach(each -> collect(each, shape, depth + 1, leaves, what));
        } else if (value instanceof Number || value instanceof Boolean) {
            leaves.add(value);
        } else {
            throw new ContractException("takes " + what + ", not lists of " + describe(value));
        }
    }
}
