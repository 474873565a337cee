package seatrial.samples;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import seatrial.ContractException;
import seatrial.Json;
import seatrial.Payload;
import seatrial.TensorSpec;

/** The samples that lie in the bundle, or the files named on the command line. */
public final class SampleFiles {
    private SampleFiles() {}

    /**
     * Payloads by file name.
     *
     * @param bundle the bundle's folder
     * @param words of the command line
     * @param from the first word that names a file; where there is none, the bundle's own samples are taken
     * @param inputs of the model
     */
    public static Map<String, Object> read(Path bundle, String[] words, int from, List<TensorSpec> inputs)
            throws java.io.IOException {
        List<Path> files = new ArrayList<>();
        for (int i = from; i < words.length; i++) {
            files.add(Path.of(words[i]));
        }
        Path listing = bundle.resolve("samples/vectors.json");
        if (files.isEmpty() && Files.exists(listing)) {
            Map<?, ?> document = (Map<?, ?>) Json.read(Files.readString(listing));
            for (Object each : (List<?>) document.get("vectors")) {
                files.add(bundle.resolve("samples").resolve((String) ((Map<?, ?>) each).get("payload")));
            }
        }
        if (files.isEmpty()) {
            throw new ContractException("there is no sample", "name files on the command line");
        }
        Map<String, Object> found = new java.util.LinkedHashMap<>();
        files.forEach(each -> found.put(each.getFileName().toString(), Payload.read(each, inputs)));
        return found;
    }
}
