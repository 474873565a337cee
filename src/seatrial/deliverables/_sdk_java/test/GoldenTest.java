package seatrial;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import seatrial.client.Client;

/**
 * Proves this SDK against the bundle's golden vectors: {@code java -cp build seatrial.GoldenTest [BUNDLE] [ADDRESS]}.
 *
 * <p>Each payload must become the recorded tensors, and the recorded outputs the recorded answer. With the address of a
 * server that has the model, each payload must also get the recorded answer there. The exit code is 0 when all of them
 * do.
 */
public final class GoldenTest {
    private static final double JPEG_LEVELS = 4; // of 255: decoders of JPEG may differ, those of PNG may not
    private static final double ANSWER = 1e-6; // relative; the same arithmetic on the same numbers
    private static final double ANOTHER_ENGINE = 1e-3; // relative; it rounds in another order

    private final Path samples;
    private final Pipeline pipeline;

    private GoldenTest(Path bundle) {
        samples = bundle.resolve("samples");
        pipeline = Pipeline.open(bundle);
    }

    public static void main(String[] words) throws IOException {
        Client client = words.length > 1 ? new Client(words[1]) : null;
        String input = Pipeline.INPUTS.get(0).name();
        prove(
                Path.of(words.length > 0 ? words[0] : "../.."),
                client == null ? null : payload -> client.predictPayload(Pipeline.NAME, payload, input));
    }

    /**
     * Goes through all golden vectors, prints what differs and how many agree, and ends the program.
     *
     * @param bundle the bundle's folder
     * @param model gives the answer to a payload; null when none is at hand
     */
    public static void prove(Path bundle, Function<Object, Answer> model) throws IOException {
        Path listing = bundle.resolve("samples/vectors.json");
        if (!Files.isRegularFile(listing)) {
            System.err.println("there is no file '" + listing + "': give the folder of the whole bundle");
            System.exit(2);
        }
        GoldenTest test = new GoldenTest(bundle);
        List<?> vectors = (List<?>) ((Map<?, ?>) Json.read(Files.readString(listing))).get("vectors");
        int passed = 0;
        for (Object each : vectors) {
            Map<?, ?> vector = (Map<?, ?>) each;
            List<String> wrong = new ArrayList<>();
            try {
                test.check(vector, model, wrong);
            } catch (SeatrialException error) {
                wrong.add(error.getMessage());
            }
            wrong.forEach(told -> System.out.println(vector.get("name") + ": " + told));
            passed += wrong.isEmpty() ? 1 : 0;
        }
        System.out.println(passed + " of " + vectors.size());
        System.exit(passed == vectors.size() && passed > 0 ? 0 : 1);
    }

    private void check(Map<?, ?> vector, Function<Object, Answer> model, List<String> wrong) {
        String file = (String) vector.get("payload");
        Object payload = Payload.read(samples.resolve(file), Pipeline.INPUTS);
        Prepared prepared = pipeline.prepare(payload);
        double levels = file.endsWith(".jpg") ? Math.max(JPEG_LEVELS, Pipeline.FEED_LEVELS) : Pipeline.FEED_LEVELS;
        ((Map<?, ?>) vector.get("feeds")).forEach((name, path) -> {
            NdArray expected = Npy.read(samples.resolve((String) path));
            String told = difference(prepared.feeds().get(name), expected, levels);
            if (!told.isEmpty()) {
                wrong.add("preprocessing, input '" + name + "': " + told);
            }
        });
        List<NdArray> outputs = new ArrayList<>();
        for (TensorSpec each : Pipeline.OUTPUTS) {
            Object path = ((Map<?, ?>) vector.get("outputs")).get(each.name());
            outputs.add(Npy.read(samples.resolve((String) path)));
        }
        Object expected = vector.get("answer");
        compare(pipeline.answer(outputs, 0, prepared.context()).value(), expected, ANSWER, "postprocessing, answer", wrong);
        if (model != null) {
            compare(model.apply(payload).value(), expected, ANOTHER_ENGINE, "end to end, answer", wrong);
        }
    }

    /** What differs; levels are parts of 255 of the range of what is expected. */
    private static String difference(NdArray got, NdArray expected, double levels) {
        boolean same = got != null && got.type() == expected.type()
                && java.util.Arrays.equals(got.shape(), expected.shape());
        if (!same) {
            return "is " + got + ", expected " + expected;
        }
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        double most = 0;
        int count = 0;
        for (int i = 0; i < expected.size(); i++) {
            if (expected.type() == DType.STRING) {
                count += got.textAt(i).equals(expected.textAt(i)) ? 0 : 1;
                continue;
            }
            double gap = got.at(i) == expected.at(i) ? 0 : Math.abs(got.at(i) - expected.at(i));
            low = Math.min(low, expected.at(i));
            high = Math.max(high, expected.at(i));
            most = gap <= most ? most : gap; // NaN counts
            count += gap == 0 ? 0 : 1;
        }
        boolean near = levels > 0 && most <= levels / 255 * (high - low);
        return count == 0 || near ? "" : count + " of " + expected.size() + " values differ, by up to " + most;
    }

    private static void compare(Object got, Object expected, double tolerance, String where, List<String> wrong) {
        if (got instanceof Map<?, ?> left && expected instanceof Map<?, ?> right && left.keySet().equals(right.keySet())) {
            right.forEach((name, each) -> compare(left.get(name), each, tolerance, where + "." + name, wrong));
            return;
        }
        if (got instanceof List<?> left && expected instanceof List<?> right && left.size() == right.size()) {
            for (int i = 0; i < right.size(); i++) {
                compare(left.get(i), right.get(i), tolerance, where + "[" + i + "]", wrong);
            }
            return;
        }
        boolean real = got instanceof Double || expected instanceof Double;
        if (real && got instanceof Number one && expected instanceof Number other) {
            double allowed = tolerance * Math.max(1, Math.abs(other.doubleValue()));
            if (Math.abs(one.doubleValue() - other.doubleValue()) <= allowed) {
                return;
            }
        } else if (java.util.Objects.equals(got, expected)) {
            return;
        }
        wrong.add(where + " is " + got + ", expected " + expected);
    }
}
