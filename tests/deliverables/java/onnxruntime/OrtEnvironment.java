package ai.onnxruntime;

import java.nio.file.Path;

public class OrtEnvironment {
    private static final OrtEnvironment ONE = new OrtEnvironment();

    public static OrtEnvironment getEnvironment() {
        return ONE;
    }

    public OrtSession createSession(String graph, OrtSession.SessionOptions options) throws OrtException {
        return new OrtSession(Path.of(graph));
    }
}
