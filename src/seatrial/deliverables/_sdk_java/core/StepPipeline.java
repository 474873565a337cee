package seatrial;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What every generated pipeline shares: a payload into arrays, and arrays into an answer. It holds no state of a
 * sample, so that any number of threads may use one at the same time.
 */
public abstract class StepPipeline {
    private final Names labels;
    private final Names vocabulary;
    private final Path root;
    private final List<TensorSpec> inputs;
    private final List<TensorSpec> outputs;

    /**
     * @param labels of the contract
     * @param vocabulary of the contract
     * @param root folder that relative file names in payloads start from
     * @param inputs of the model
     * @param outputs of the model
     */
    protected StepPipeline(
            Names labels, Names vocabulary, Path root, List<TensorSpec> inputs, List<TensorSpec> outputs) {
        this.labels = labels;
        this.vocabulary = vocabulary;
        this.root = root;
        this.inputs = inputs;
        this.outputs = outputs;
    }

    /** The contract's steps from a payload to what the model takes. */
    protected abstract Object preprocess(Object value, Context context);

    /** The contract's steps from what the model gave for one sample to the answer. */
    protected abstract Object postprocess(Object value, Context context);

    /** Inputs of the model. */
    public final List<TensorSpec> inputs() {
        return inputs;
    }

    /** Outputs of the model, bound by their order. */
    public final List<TensorSpec> outputs() {
        return outputs;
    }

    /** A fresh context for one sample. */
    public final Context context() {
        return new Context(labels, vocabulary, root);
    }

    /**
     * One payload into what the model takes.
     *
     * @param payload {@code byte[]} or {@code Path} of a file, {@code String}, {@code NdArray}, nested lists of
     *     numbers, or a {@code Map} of arrays by input name
     * @throws ContractException the payload cannot be read, or breaks the contract
     */
    public final Prepared prepare(Object payload) {
        Context context = context();
        Object value = preprocess(payload, context);
        Map<String, NdArray> feeds = new LinkedHashMap<>();
        if (value instanceof Map<?, ?> map) {
            map.forEach((name, array) -> feeds.put(String.valueOf(name), batched(String.valueOf(name), array)));
        } else if (inputs.size() == 1) {
            feeds.put(inputs.get(0).name(), batched(inputs.get(0).name(), value));
        } else {
            throw new ContractException(
                    "the preprocessing gives one array and the model takes " + inputs.size() + " inputs");
        }
        Feeds.check(inputs, feeds);
        return new Prepared(feeds, context);
    }

    private static NdArray batched(String name, Object value) {
        if (value instanceof NdArray array) {
            return array.batchOfOne();
        }
        throw new ContractException("input '" + name + "' is no array after the preprocessing");
    }

    /**
     * One row of the outputs into the answer.
     *
     * @param found outputs in the contract's order, batch axis included
     * @param row which sample of the batch
     * @param context of that sample, from {@link #prepare}
     */
    public final Answer answer(List<NdArray> found, int row, Context context) {
        Object value = postprocess(Answers.rowOf(found, outputs, row), context);
        return new Answer(Answers.plain(value, "answer"));
    }

    /** What kind of answer the model gives, such as {@code classification}. */
    public abstract String task();

    /** Whether several samples may travel in one call; a detector gives all boxes of a batch in one list. */
    public final boolean batchesFreely() {
        return !task().equals("detection") && inputs.stream().allMatch(TensorSpec::batchIsFree)
                && outputs.stream().allMatch(TensorSpec::batchIsFree);
    }

    /** One step with its options filled in. */
    @FunctionalInterface
    protected interface Step {
        /** Transforms one sample's value. */
        Object apply(Object value, Context context);
    }

    /** Runs one step; what it refuses is told with its name and place. */
    protected static Object step(int place, String name, Object value, Context context, Step step) {
        try {
            return step.apply(value, context);
        } catch (SeatrialException error) {
            throw new ContractException("step " + place + " (" + name + "): " + error.getMessage());
        }
    }
}
