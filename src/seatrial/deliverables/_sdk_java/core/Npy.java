package seatrial;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** NumPy's files of arrays: {@code .npy} (format 1 to 3, C or Fortran order) and {@code .npz}. */
public final class Npy {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final Pattern HEADER =
            Pattern.compile("'descr': '([<>|=])([biufU])(\\d+)', 'fortran_order': (True|False), 'shape': \\(([^)]*)\\)");

    private Npy() {}

    /** The array of a {@code .npy} file. */
    public static NdArray read(Path file) {
        try {
            return read(Files.readAllBytes(file), file.getFileName().toString());
        } catch (NoSuchFileException error) {
            throw new ContractException("there is no file '" + file + "'");
        } catch (IOException error) {
            throw new ContractException("'" + file + "' cannot be read: " + error.getMessage());
        }
    }

    /** The arrays of a {@code .npz} file, by name. */
    public static Map<String, NdArray> readArchive(byte[] bytes, String what) {
        Map<String, NdArray> found = new LinkedHashMap<>();
        try (ZipInputStream zip = new ZipInputStream(new java.io.ByteArrayInputStream(bytes))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                String name = entry.getName().replaceFirst("\\.npy$", "");
                found.put(name, read(((InputStream) zip).readAllBytes(), what + "/" + name));
            }
        } catch (IOException error) {
            throw new ContractException("'" + what + "' is no archive of arrays: " + error.getMessage());
        }
        if (found.isEmpty()) {
            throw new ContractException("'" + what + "' holds no arrays");
        }
        return found;
    }

    /**
     * The array of the bytes of a {@code .npy} file.
     *
     * @param bytes all of the file
     * @param what it is called in messages
     */
    public static NdArray read(byte[] bytes, String what) {
        for (int i = 0; i < MAGIC.length; i++) {
            if (bytes.length < 10 || bytes[i] != MAGIC[i]) {
                throw new ContractException("'" + what + "' is no .npy file");
            }
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        boolean first = bytes[6] == 1;
        int length = first ? buffer.getShort(8) & 0xffff : buffer.getInt(8);
        int begin = (first ? 10 : 12) + length;
        if (length < 0 || begin > bytes.length) {
            throw new ContractException("'" + what + "' is cut short");
        }
        Matcher header = HEADER.matcher(new String(bytes, begin - length, length, StandardCharsets.UTF_8));
        if (!header.find()) {
            throw new ContractException("'" + what + "' holds something else than plain numbers or text");
        }
        int[] shape = shape(header.group(5));
        buffer.position(begin).order(header.group(1).equals(">") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        NdArray array = values(buffer, header.group(2).charAt(0), Integer.parseInt(header.group(3)), shape, what);
        return header.group(4).equals("True") ? turned(array) : array;
    }

    /** The bytes of a {@code .npy} file of format 1.0. */
    public static byte[] write(NdArray array) {
        StringBuilder shape = new StringBuilder("(");
        for (int each : array.shape()) {
            shape.append(each).append(array.rank() == 1 ? "," : ", ");
        }
        String tuple = array.rank() > 1 ? shape.substring(0, shape.length() - 2) : shape.toString();
        char order = array.type().bytes() == 1 ? '|' : '<';
        String described = order + "" + array.type().kind() + array.type().bytes();
        String header = "{'descr': '" + described + "', 'fortran_order': False, 'shape': " + tuple + "), }";
        header += " ".repeat(63 - (header.length() + 10) % 64) + "\n";
        byte[] data = array.toBytes();
        ByteBuffer out = ByteBuffer.allocate(10 + header.length() + data.length).order(ByteOrder.LITTLE_ENDIAN);
        out.put(MAGIC).put((byte) 1).put((byte) 0).putShort((short) header.length());
        return out.put(header.getBytes(StandardCharsets.US_ASCII)).put(data).array();
    }

    private static int[] shape(String text) {
        String[] words = text.isBlank() ? new String[0] : text.split(",");
        int[] found = new int[words.length > 0 && words[words.length - 1].isBlank() ? words.length - 1 : words.length];
        for (int i = 0; i < found.length; i++) {
            found[i] = Integer.parseInt(words[i].trim());
        }
        return found;
    }

    private static NdArray values(ByteBuffer buffer, char kind, int bytes, int[] shape, String what) {
        if (kind == 'U') {
            return texts(buffer, bytes, shape);
        }
        for (DType each : DType.values()) {
            if (each != DType.BFLOAT16 && each.kind() == kind && each.bytes() == bytes) {
                int size = NdArray.product(shape) * bytes;
                if (buffer.remaining() < size) {
                    throw new ContractException("'" + what + "' is cut short");
                }
                return NdArray.fromBytes(each, buffer.slice(buffer.position(), size).order(buffer.order()), shape);
            }
        }
        throw new ContractException("'" + what + "' holds numbers of a type that is not known here");
    }

    private static NdArray texts(ByteBuffer buffer, int length, int[] shape) {
        String[] found = new String[NdArray.product(shape)];
        for (int i = 0; i < found.length; i++) {
            StringBuilder text = new StringBuilder();
            for (int j = 0; j < length; j++) {
                int point = buffer.getInt();
                if (point != 0) {
                    text.appendCodePoint(point);
                }
            }
            found[i] = text.toString();
        }
        return NdArray.of(found, shape);
    }

    /** From Fortran order, where the first axis runs fastest. */
    private static NdArray turned(NdArray array) {
        int[] shape = array.shape();
        int[] places = new int[array.size()];
        for (int i = 0; i < places.length; i++) {
            int rest = i;
            int[] index = new int[shape.length];
            for (int axis = shape.length - 1; axis >= 0; axis--) {
                index[axis] = rest % shape[axis];
                rest /= shape[axis];
            }
            for (int axis = shape.length - 1, place = 0; axis >= 0; axis--) {
                place = place * shape[axis] + index[axis];
                places[i] = place;
            }
        }
        return array.gathered(places, shape);
    }
}
