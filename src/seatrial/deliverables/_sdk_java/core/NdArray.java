package seatrial;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Numbers in a shape, in C order (the last axis runs fastest), of one type: what NumPy calls an array.
 *
 * <p>It does not change after it was made; whoever hands in a Java array must not write to it later.
 */
public final class NdArray {
    private final DType type;
    private final int[] shape;
    private final int size;
    private final Object data;

    private NdArray(DType type, Object data, int[] shape) {
        this.type = type;
        this.data = data;
        this.shape = shape.clone();
        this.size = product(shape);
        if (java.lang.reflect.Array.getLength(data) != size) {
            throw new ContractException(
                    java.lang.reflect.Array.getLength(data) + " values do not fill the shape " + Arrays.toString(shape));
        }
    }

    /**
     * Values of any type in the Java array that keeps it: {@code byte[]} for bool, uint8 and int8, {@code short[]}
     * for 16 bits, {@code int[]}, {@code long[]}, {@code float[]}, {@code double[]}, {@code String[]}.
     */
    public static NdArray of(DType type, Object data, int... shape) {
        if (!data.getClass().equals(storage(type, 0).getClass())) {
            throw new ContractException(type.spelled() + " is not kept in " + data.getClass().getSimpleName());
        }
        return new NdArray(type, data, shape);
    }

    /** float32 values. */
    public static NdArray of(float[] data, int... shape) {
        return new NdArray(DType.FLOAT32, data, shape);
    }

    /** float64 values. */
    public static NdArray of(double[] data, int... shape) {
        return new NdArray(DType.FLOAT64, data, shape);
    }

    /** int64 values. */
    public static NdArray of(long[] data, int... shape) {
        return new NdArray(DType.INT64, data, shape);
    }

    /** uint8 values, such as pixels: the byte -1 is 255. */
    public static NdArray of(byte[] data, int... shape) {
        return new NdArray(DType.UINT8, data, shape);
    }

    /** Texts. */
    public static NdArray of(String[] data, int... shape) {
        return new NdArray(DType.STRING, data, shape);
    }

    /** A Java array that keeps {@code size} values of a type, all of them zero. */
    public static Object storage(DType type, int size) {
        switch (type) {
            case BOOL: case UINT8: case INT8:
                return new byte[size];
            case UINT16: case INT16: case FLOAT16: case BFLOAT16:
                return new short[size];
            case UINT32: case INT32:
                return new int[size];
            case UINT64: case INT64:
                return new long[size];
            case FLOAT32:
                return new float[size];
            case FLOAT64:
                return new double[size];
            default:
                return new String[size];
        }
    }

    /** What kind of values it holds. */
    public DType type() {
        return type;
    }

    /** Sizes of the axes; empty for a single number. */
    public int[] shape() {
        return shape.clone();
    }

    /** Size of one axis. */
    public int dim(int axis) {
        return shape[axis];
    }

    /** How many axes. */
    public int rank() {
        return shape.length;
    }

    /** How many values. */
    public int size() {
        return size;
    }

    /** The Java array behind it, see {@link #of(DType, Object, int...)}; only to be read. */
    public Object data() {
        return data;
    }

    /** One value by its place in C order. */
    public double at(int place) {
        switch (type) {
            case BOOL: case UINT8:
                return ((byte[]) data)[place] & 0xff;
            case INT8:
                return ((byte[]) data)[place];
            case FLOAT16:
                return Half.toFloat(((short[]) data)[place]);
            case BFLOAT16:
                return Half.fromBrain(((short[]) data)[place]);
            case FLOAT32:
                return ((float[]) data)[place];
            case FLOAT64:
                return ((double[]) data)[place];
            case UINT64:
                long bits = ((long[]) data)[place];
                return bits >= 0 ? bits : (bits >>> 1 | bits & 1) * 2.0;
            default:
                return longAt(place);
        }
    }

    /** One value by its place in C order, as a whole number; what lies behind the point is cut off. */
    public long longAt(int place) {
        switch (type) {
            case BOOL: case UINT8:
                return ((byte[]) data)[place] & 0xff;
            case INT8:
                return ((byte[]) data)[place];
            case UINT16:
                return ((short[]) data)[place] & 0xffff;
            case INT16:
                return ((short[]) data)[place];
            case UINT32:
                return ((int[]) data)[place] & 0xffffffffL;
            case INT32:
                return ((int[]) data)[place];
            case UINT64: case INT64:
                return ((long[]) data)[place];
            case STRING:
                throw new ContractException("text is no number");
            default:
                return (long) at(place);
        }
    }

    /** One text by its place in C order. */
    public String textAt(int place) {
        return ((String[]) data)[place];
    }

    /** All values as float32; the very array behind it where that is its type. */
    public float[] floats() {
        if (data instanceof float[]) {
            return (float[]) data;
        }
        float[] result = new float[size];
        for (int i = 0; i < size; i++) {
            result[i] = kindIsWhole() ? (float) longAt(i) : (float) at(i);
        }
        return result;
    }

    /** All values as float64. */
    public double[] doubles() {
        if (data instanceof double[]) {
            return (double[]) data;
        }
        double[] result = new double[size];
        for (int i = 0; i < size; i++) {
            result[i] = at(i);
        }
        return result;
    }

    private boolean kindIsWhole() {
        return type.kind() == 'i';
    }

    /** The same values in another type, as C casts them. */
    public NdArray as(DType target) {
        if (target == type) {
            return this;
        }
        Object made = storage(target, size);
        for (int i = 0; i < size; i++) {
            put(target, made, i, i);
        }
        return new NdArray(target, made, shape);
    }

    private void put(DType target, Object made, int to, int from) {
        switch (target) {
            case BOOL:
                ((byte[]) made)[to] = (byte) (at(from) != 0 ? 1 : 0);
                break;
            case UINT8: case INT8:
                ((byte[]) made)[to] = (byte) longAt(from);
                break;
            case UINT16: case INT16:
                ((short[]) made)[to] = (short) longAt(from);
                break;
            case UINT32: case INT32:
                ((int[]) made)[to] = (int) longAt(from);
                break;
            case UINT64: case INT64:
                ((long[]) made)[to] = longAt(from);
                break;
            case FLOAT16:
                ((short[]) made)[to] = Half.of(at(from));
                break;
            case BFLOAT16:
                ((short[]) made)[to] = Half.brain(at(from));
                break;
            case FLOAT32:
                ((float[]) made)[to] = kindIsWhole() ? (float) longAt(from) : (float) at(from);
                break;
            case FLOAT64:
                ((double[]) made)[to] = at(from);
                break;
            default:
                throw new ContractException("numbers are not turned into text");
        }
    }

    /** The same values in another shape. */
    public NdArray reshaped(int... wanted) {
        return new NdArray(type, data, wanted);
    }

    /** The same values with an axis of size 1 in front: a batch of one. */
    public NdArray batchOfOne() {
        int[] wanted = new int[shape.length + 1];
        wanted[0] = 1;
        System.arraycopy(shape, 0, wanted, 1, shape.length);
        return reshaped(wanted);
    }

    /** Rows {@code from} to {@code to} (exclusive) along the first axis. */
    public NdArray rows(int from, int to) {
        int row = size == 0 ? 0 : size / shape[0];
        Object made = storage(type, (to - from) * row);
        System.arraycopy(data, from * row, made, 0, (to - from) * row);
        int[] wanted = shape.clone();
        wanted[0] = to - from;
        return new NdArray(type, made, wanted);
    }

    /** One row along the first axis, without that axis. */
    public NdArray row(int place) {
        return rows(place, place + 1).reshaped(Arrays.copyOfRange(shape, 1, shape.length));
    }

    /** The values at these places (in C order), in another shape. */
    public NdArray gathered(int[] places, int... wanted) {
        Object made = storage(type, places.length);
        if (data instanceof float[] from) { // pictures, which are large
            float[] to = (float[]) made;
            for (int i = 0; i < to.length; i++) {
                to[i] = from[places[i]];
            }
        } else if (data instanceof byte[] from) {
            byte[] to = (byte[]) made;
            for (int i = 0; i < to.length; i++) {
                to[i] = from[places[i]];
            }
        } else {
            for (int i = 0; i < places.length; i++) {
                System.arraycopy(data, places[i], made, i, 1);
            }
        }
        return new NdArray(type, made, wanted);
    }

    /** The bytes of all numbers, little-endian. */
    public byte[] toBytes() {
        ByteBuffer buffer = ByteBuffer.allocate(size * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        if (data instanceof byte[]) {
            buffer.put((byte[]) data);
        } else if (data instanceof short[]) {
            buffer.asShortBuffer().put((short[]) data);
        } else if (data instanceof int[]) {
            buffer.asIntBuffer().put((int[]) data);
        } else if (data instanceof long[]) {
            buffer.asLongBuffer().put((long[]) data);
        } else if (data instanceof float[]) {
            buffer.asFloatBuffer().put((float[]) data);
        } else if (data instanceof double[]) {
            buffer.asDoubleBuffer().put((double[]) data);
        } else {
            throw new ContractException("text has no bytes of fixed size");
        }
        return buffer.array();
    }

    /** Numbers from their bytes, in the byte order of the buffer. */
    public static NdArray fromBytes(DType type, ByteBuffer bytes, int... shape) {
        int size = product(shape);
        Object made = storage(type, size);
        if (bytes.remaining() != (long) size * type.bytes()) {
            throw new ContractException(bytes.remaining() + " bytes are not " + size + " of " + type.spelled());
        }
        if (made instanceof byte[]) {
            bytes.get((byte[]) made);
        } else if (made instanceof short[]) {
            bytes.asShortBuffer().get((short[]) made);
        } else if (made instanceof int[]) {
            bytes.asIntBuffer().get((int[]) made);
        } else if (made instanceof long[]) {
            bytes.asLongBuffer().get((long[]) made);
        } else if (made instanceof float[]) {
            bytes.asFloatBuffer().get((float[]) made);
        } else {
            bytes.asDoubleBuffer().get((double[]) made);
        }
        return new NdArray(type, made, shape);
    }

    /** How many values a shape holds. */
    public static int product(int... shape) {
        long size = 1;
        for (int each : shape) {
            size = Math.multiplyExact(size, (long) each);
        }
        return Math.toIntExact(size);
    }

    /** Type and shape, for messages. */
    @Override
    public String toString() {
        return "an array of " + type.spelled() + " with shape " + Arrays.toString(shape);
    }
}
