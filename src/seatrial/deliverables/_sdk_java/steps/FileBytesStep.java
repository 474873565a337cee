package seatrial.steps;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** {@code file_bytes}: a file as its bytes, for a model that decodes it itself. */
public final class FileBytesStep {
    private FileBytesStep() {}

    /**
     * uint8 [n]; an array of bytes stays as it is.
     *
     * @param value a {@code Path}, the name of a file, or its bytes
     * @param context has the folder that names start from
     */
    public static Object apply(Object value, Context context) {
        if (value instanceof NdArray array && array.type() == DType.UINT8 && array.rank() == 1 && array.size() > 0) {
            return array;
        }
        byte[] bytes;
        try {
            if (value instanceof byte[] given) {
                bytes = given;
            } else if (value instanceof Path path) {
                bytes = Files.readAllBytes(path);
            } else if (value instanceof String name) {
                bytes = Files.readAllBytes(context.root().resolve(name));
            } else {
                throw new ContractException("takes a file or bytes, not " + Values.describe(value));
            }
        } catch (IOException | InvalidPathException error) {
            throw new ContractException("the file cannot be read: " + error.getMessage());
        }
        if (bytes.length == 0) {
            throw new ContractException("the file is empty (0 bytes)");
        }
        return NdArray.of(DType.UINT8, bytes, bytes.length);
    }
}
