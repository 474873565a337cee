package seatrial;

/** Numbers of 16 bits, which Java 17 has no type for: IEEE 754 half precision, and bfloat16. */
public final class Half {
    private Half() {}

    /** The value of a half. */
    public static float toFloat(short bits) {
        int sign = (bits & 0x8000) << 16;
        int exponent = (bits >> 10) & 0x1f;
        int fraction = bits & 0x3ff;
        if (exponent == 0x1f) {
            return Float.intBitsToFloat(sign | 0x7f800000 | (fraction << 13));
        }
        if (exponent == 0) {
            float small = fraction * 0x1p-24f;
            return sign == 0 ? small : -small;
        }
        return Float.intBitsToFloat(sign | ((exponent + 112) << 23) | (fraction << 13));
    }

    /** The nearest half; ties go to the even one, what is too large becomes infinite. */
    public static short of(double value) {
        short sign = (short) (Double.doubleToRawLongBits(value) >>> 63 != 0 ? 0x8000 : 0);
        double size = Math.abs(value);
        if (Double.isNaN(value)) {
            return (short) (sign | 0x7e00);
        }
        if (size >= 65520) {
            return (short) (sign | 0x7c00);
        }
        if (size < 0x1p-14) {
            return (short) (sign | (int) Math.rint(size * 0x1p24));
        }
        int exponent = Math.getExponent(size);
        // A fraction rounded up to 1024 carries into the exponent by itself.
        int fraction = (int) Math.rint(Math.scalb(size, 10 - exponent)) - 1024;
        return (short) (sign | (((exponent + 15) << 10) + fraction));
    }

    /** The value of a bfloat16. */
    public static float fromBrain(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** The nearest bfloat16; ties go to the even one. */
    public static short brain(double value) {
        float single = (float) value;
        if (Float.isNaN(single)) {
            return (short) 0x7fc0;
        }
        int bits = Float.floatToRawIntBits(single);
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }
}
