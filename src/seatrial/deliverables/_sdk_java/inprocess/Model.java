package seatrial.inprocess;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Answer;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.Feeds;
import seatrial.NdArray;
import seatrial.Pipeline;
import seatrial.Prepared;
import seatrial.SeatrialException;
import seatrial.StepPipeline;

/**
 * The model in this process, over ONNX Runtime's Java API ({@code ai.onnxruntime}).
 *
 * <p>Any number of threads may use one model at the same time: a session of ONNX Runtime is safe for that, and the
 * pipeline keeps nothing of a sample.
 */
public final class Model implements AutoCloseable {
    private static final int MOST_AT_ONCE = 32;
    private static final Map<DType, OnnxJavaType> TYPES = Map.of(
            DType.BOOL, OnnxJavaType.BOOL, DType.UINT8, OnnxJavaType.UINT8, DType.INT8, OnnxJavaType.INT8,
            DType.INT16, OnnxJavaType.INT16, DType.INT32, OnnxJavaType.INT32, DType.INT64, OnnxJavaType.INT64,
            DType.FLOAT32, OnnxJavaType.FLOAT, DType.FLOAT64, OnnxJavaType.DOUBLE, DType.FLOAT16, OnnxJavaType.FLOAT16);

    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;
    private final StepPipeline pipeline;

    /**
     * Opens the model of a bundle.
     *
     * @param bundle the bundle's folder
     * @param options of the session, such as the number of threads; closed by the caller
     */
    public Model(Path bundle, OrtSession.SessionOptions options) {
        Path graph = bundle.resolve(Pipeline.MODEL);
        if (!Files.isRegularFile(graph)) {
            throw new ContractException("there is no model '" + graph + "'", "give the folder of the whole bundle");
        }
        pipeline = Pipeline.open(bundle);
        try {
            session = environment.createSession(graph.toString(), options);
        } catch (OrtException error) {
            throw new SeatrialException("ONNX Runtime does not open '" + graph + "': " + error.getMessage());
        }
    }

    /**
     * Opens the model of a bundle with ONNX Runtime's own options.
     *
     * @param bundle the bundle's folder
     */
    public Model(Path bundle) {
        this(bundle, new OrtSession.SessionOptions());
    }

    /**
     * One sample.
     *
     * @param payload {@code byte[]} or {@code Path} of a file, {@code String}, {@code NdArray}, nested lists of
     *     numbers, or a {@code Map} of arrays by input name
     */
    public Answer predict(Object payload) {
        return predictBatch(List.of(payload)).get(0);
    }

    /**
     * Many samples. Those whose arrays have equal shapes go through the model together; none is padded to fit another,
     * so that the answers are those of single calls.
     *
     * @param payloads as {@link #predict} takes them
     * @return answers in the order of the payloads
     */
    public List<Answer> predictBatch(List<?> payloads) {
        List<Prepared> prepared = new ArrayList<>();
        Map<String, List<Integer>> groups = new LinkedHashMap<>();
        for (int i = 0; i < payloads.size(); i++) {
            prepared.add(pipeline.prepare(payloads.get(i)));
            String key = pipeline.batchesFreely() ? Feeds.key(prepared.get(i).feeds()) : Integer.toString(i);
            groups.computeIfAbsent(key, none -> new ArrayList<>()).add(i);
        }
        Answer[] answers = new Answer[prepared.size()];
        for (List<Integer> group : groups.values()) {
            for (int start = 0; start < group.size(); start += MOST_AT_ONCE) {
                answer(group.subList(start, Math.min(start + MOST_AT_ONCE, group.size())), prepared, answers);
            }
        }
        return Arrays.asList(answers);
    }

    private void answer(List<Integer> places, List<Prepared> prepared, Answer[] answers) {
        List<Map<String, NdArray>> feeds = new ArrayList<>();
        places.forEach(each -> feeds.add(prepared.get(each).feeds()));
        List<NdArray> outputs = run(Feeds.join(feeds));
        for (int row = 0; row < places.size(); row++) {
            int place = places.get(row);
            answers[place] = pipeline.answer(outputs, row, prepared.get(place).context());
        }
    }

    /** Tensors in, tensors out, without pre- and postprocessing; outputs in the contract's order. */
    public List<NdArray> run(Map<String, NdArray> feeds) {
        Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
        try {
            for (Map.Entry<String, NdArray> each : feeds.entrySet()) {
                inputs.put(each.getKey(), tensor(each.getValue()));
            }
            try (OrtSession.Result result = session.run(inputs)) {
                List<NdArray> outputs = new ArrayList<>();
                for (int i = 0; i < result.size(); i++) {
                    outputs.add(array((OnnxTensor) result.get(i)));
                }
                return outputs;
            }
        } catch (OrtException error) {
            throw new SeatrialException("ONNX Runtime refuses the tensors: " + error.getMessage());
        } finally {
            inputs.values().forEach(OnnxTensor::close);
        }
    }

    private OnnxTensor tensor(NdArray array) throws OrtException {
        long[] shape = Arrays.stream(array.shape()).asLongStream().toArray();
        if (array.type() == DType.STRING) {
            return OnnxTensor.createTensor(environment, (String[]) array.data(), shape);
        }
        OnnxJavaType type = TYPES.get(array.type());
        if (type == null) {
            throw new ContractException("ONNX Runtime's Java API has no " + array.type().spelled());
        }
        byte[] bytes = array.toBytes();
        ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length).order(ByteOrder.LITTLE_ENDIAN);
        direct.put(bytes).rewind();
        return OnnxTensor.createTensor(environment, direct, shape, type);
    }

    private static NdArray array(OnnxTensor tensor) throws OrtException {
        TensorInfo info = tensor.getInfo();
        int[] shape = Arrays.stream(info.getShape()).mapToInt(Math::toIntExact).toArray();
        if (info.type == OnnxJavaType.STRING) {
            Object texts = tensor.getValue();
            List<String> flat = new ArrayList<>();
            flatten(texts, flat);
            return NdArray.of(flat.toArray(new String[0]), shape);
        }
        for (Map.Entry<DType, OnnxJavaType> each : TYPES.entrySet()) {
            if (each.getValue() == info.type) {
                ByteBuffer bytes = tensor.getByteBuffer().order(ByteOrder.nativeOrder());
                return NdArray.fromBytes(each.getKey(), bytes, shape);
            }
        }
        throw new SeatrialException("the model gives " + info.type + ", which is not read here");
    }

    private static void flatten(Object value, List<String> flat) {
        if (value instanceof Object[] many) {
            for (Object each : many) {
                flatten(each, flat);
            }
        } else {
            flat.add(String.valueOf(value));
        }
    }

    /** Closes the session. */
    @Override
    public void close() {
        try {
            session.close();
        } catch (OrtException error) {
            throw new SeatrialException("ONNX Runtime does not close the session: " + error.getMessage());
        }
    }
}
