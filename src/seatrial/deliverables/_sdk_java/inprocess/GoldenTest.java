package seatrial.inprocess;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Proves the model in this process, and your ONNX Runtime with it, against the bundle's golden vectors: {@code java -cp
 * build:onnxruntime.jar seatrial.inprocess.GoldenTest [BUNDLE]}. The exit code is 0 when all of them agree.
 */
public final class GoldenTest {
    private GoldenTest() {}

    public static void main(String[] words) throws IOException {
        Path bundle = Path.of(words.length > 0 ? words[0] : "../..");
        try (Model model = new Model(bundle)) {
            seatrial.GoldenTest.prove(bundle, model::predict);
        }
    }
}
