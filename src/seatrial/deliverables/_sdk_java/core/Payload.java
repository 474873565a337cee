package seatrial;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A sample's file as what a pipeline starts from. */
public final class Payload {
    private Payload() {}

    /**
     * Reads a file by its suffix: {@code .txt} is text, {@code .json} as the predict endpoint takes it, {@code .npy} and
     * {@code .npz} are arrays, all else is a picture, whose bytes are handed on.
     *
     * @param file such as one in the bundle's folder {@code samples}
     * @param inputs of the model, for the types of numbers in JSON
     */
    public static Object read(Path file, List<TensorSpec> inputs) {
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(file);
        } catch (IOException error) {
            throw new ContractException("the file '" + file + "' cannot be read", "is the name right?");
        }
        String name = file.getFileName().toString();
        switch (name.substring(name.lastIndexOf('.') + 1)) {
            case "txt":
                return new String(bytes, StandardCharsets.UTF_8);
            case "npy":
                return Npy.read(bytes, name);
            case "npz":
                return Npy.readArchive(bytes, name);
            case "json":
                return json(Json.read(new String(bytes, StandardCharsets.UTF_8)), inputs);
            default:
                return bytes;
        }
    }

    private static Object json(Object document, List<TensorSpec> inputs) {
        if (!(document instanceof Map<?, ?> map)) {
            throw new ContractException("the JSON is no object with 'text' or 'inputs'");
        }
        if (map.get("text") instanceof String text) {
            return text;
        }
        if (!(map.get("inputs") instanceof Map<?, ?> given)) {
            throw new ContractException("the JSON has neither 'text' nor 'inputs'");
        }
        Map<String, Object> found = new LinkedHashMap<>();
        given.forEach((name, value) -> {
            NdArray array = Lists.array(value, "inputs." + name);
            for (TensorSpec spec : inputs) {
                boolean text = array.type() == DType.STRING || spec.type() == DType.STRING;
                array = spec.name().equals(name) && !text ? array.as(spec.type()) : array;
            }
            found.put(String.valueOf(name), array);
        });
        return found;
    }
}
