package seatrial;

import java.util.Locale;

/** Types of numbers, spelled as NumPy spells them; Java keeps unsigned ones in the signed type of their size. */
public enum DType {
    BOOL(1, 'b'),
    UINT8(1, 'u'),
    INT8(1, 'i'),
    UINT16(2, 'u'),
    INT16(2, 'i'),
    UINT32(4, 'u'),
    INT32(4, 'i'),
    UINT64(8, 'u'),
    INT64(8, 'i'),
    FLOAT16(2, 'f'),
    BFLOAT16(2, 'f'),
    FLOAT32(4, 'f'),
    FLOAT64(8, 'f'),
    STRING(0, 'U');

    private final int bytes;
    private final char kind;

    DType(int bytes, char kind) {
        this.bytes = bytes;
        this.kind = kind;
    }

    /** Bytes of one number; 0 for text. */
    public int bytes() {
        return bytes;
    }

    /** {@code b} truth, {@code i} signed, {@code u} unsigned, {@code f} real, {@code U} text. */
    public char kind() {
        return kind;
    }

    /** NumPy's spelling, such as {@code float32}. */
    public String spelled() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The smallest whole number it holds; only for whole numbers. */
    public long smallest() {
        return kind == 'u' ? 0 : -(1L << (8 * bytes - 1));
    }

    /** The largest whole number it holds; only for whole numbers. */
    public long largest() {
        if (this == UINT64) {
            return Long.MAX_VALUE;
        }
        return kind == 'u' ? (1L << (8 * bytes)) - 1 : -(smallest() + 1);
    }

    /** The type of a name. */
    public static DType named(String name) {
        for (DType each : values()) {
            if (each.spelled().equals(name)) {
                return each;
            }
        }
        throw new ContractException("there is no number type '" + name + "'");
    }
}
