package seatrial.steps;

import java.util.Arrays;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** {@code pad}: grows to a size or a multiple. */
public final class PadStep {
    private PadStep() {}

    private static final long LARGEST = 1 << 28; // numbers: no image and no text needs more

    /**
     * Grows each axis to at least a size, then to the next multiple; never cuts.
     *
     * @param value an array
     * @param context takes the note of where the content went
     * @param axes which axes
     * @param to least size of each of them; empty: none
     * @param multiple of which the size shall be
     * @param fill the number that is filled in
     * @param where the content stays free of filling: {@code end} fills behind it, {@code start} before it,
     *     {@code center} around it
     */
    public static Object apply(
            Object value, Context context, int[] axes, int[] to, int multiple, double fill, String where) {
        NdArray array = Values.array(value);
        if (to.length > 0 && to.length != axes.length) {
            throw new ContractException("to has " + to.length + " numbers and axes " + axes.length);
        }
        if (multiple < 1) {
            throw new ContractException("multiple is " + multiple + " and must be 1 or more");
        }
        int[] before = new int[array.rank()];
        int[] shape = array.shape();
        for (int i = 0; i < axes.length; i++) {
            int axis = Values.axis(array, axes[i]);
            long size = Math.max(array.dim(axis), to.length > 0 ? to[i] : 0);
            long grown = Math.min((size + multiple - 1) / multiple * multiple, Integer.MAX_VALUE);
            int more = (int) grown - array.dim(axis);
            before[axis] = where.equals("end") ? 0 : where.equals("center") ? more / 2 : more;
            shape[axis] = (int) grown;
        }
        checkSize(shape, array.size());
        if (!where.equals("end") && axes.length == 2) {
            Geometry.moved(context, before[Values.axis(array, axes[0])], before[Values.axis(array, axes[1])]);
        }
        return grown(array, shape, before, fill);
    }

    private static void checkSize(int[] shape, int before) {
        double grown = 1;
        for (int each : shape) {
            grown *= each;
        }
        if (grown > Math.max(LARGEST, before)) {
            throw new ContractException("the result would hold more than " + LARGEST + " numbers");
        }
    }

    private static NdArray grown(NdArray array, int[] shape, int[] before, double fill) {
        Object made = filled(array.type(), NdArray.product(shape), fill);
        if (array.size() == 0 || array.rank() == 0) {
            return array.rank() == 0 ? array : NdArray.of(array.type(), made, shape);
        }
        int row = array.dim(array.rank() - 1);
        for (int start = 0; start < array.size(); start += row) {
            int rest = start / row;
            int place = before[array.rank() - 1];
            int stride = shape[array.rank() - 1];
            for (int axis = array.rank() - 2; axis >= 0; axis--) {
                place += (rest % array.dim(axis) + before[axis]) * stride;
                rest /= array.dim(axis);
                stride *= shape[axis];
            }
            System.arraycopy(array.data(), start, made, place, row);
        }
        return NdArray.of(array.type(), made, shape);
    }

    private static Object filled(DType type, int size, double fill) {
        boolean whole = type.kind() == 'i' || type.kind() == 'u';
        if (whole && (fill != Math.rint(fill) || fill < type.smallest() || fill > type.largest())) {
            throw new ContractException(
                    "fill " + fill + " does not fit into " + type.spelled(), "pad after normalize, or cast first");
        }
        double[] many = new double[fill == 0 ? 0 : size];
        Arrays.fill(many, fill);
        return fill == 0 ? NdArray.storage(type, size) : NdArray.of(many, size).as(type).data();
    }
}
