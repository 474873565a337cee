package seatrial;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** Arrays on their way into the model: checked against the contract, and joined to batches. */
public final class Feeds {
    private Feeds() {}

    /**
     * Refuses arrays that break the contract, before an engine sees them: a wrong id kills the process.
     *
     * @param specs of the inputs
     * @param feeds arrays by input name, batch axis included
     */
    public static void check(List<TensorSpec> specs, Map<String, NdArray> feeds) {
        TreeSet<String> missing = new TreeSet<>();
        TreeSet<String> unknown = new TreeSet<>(feeds.keySet());
        specs.forEach(each -> missing.add(each.name()));
        missing.removeAll(feeds.keySet());
        specs.forEach(each -> unknown.remove(each.name()));
        if (!missing.isEmpty() || !unknown.isEmpty()) {
            throw new ContractException(
                    "the inputs do not match the model (missing: " + missing + ", unknown: " + unknown + ")");
        }
        Map<String, Integer> named = new HashMap<>();
        for (TensorSpec spec : specs) {
            NdArray array = feeds.get(spec.name());
            if (array.type() != spec.type()) {
                throw new ContractException(
                        "input '" + spec.name() + "' is " + array.type().spelled() + ", and the model takes "
                                + spec.type().spelled());
            }
            checkShape(spec, array.shape(), named);
            checkValues(spec, array);
        }
    }

    private static void checkShape(TensorSpec spec, int[] shape, Map<String, Integer> named) {
        String told = "input '" + spec.name() + "' has shape " + Arrays.toString(shape) + ", and the model takes "
                + spec.shape();
        if (shape.length != spec.shape().size()) {
            throw new ContractException(
                    told + ": " + shape.length + " axes instead of " + spec.shape().size());
        }
        for (int axis = 0; axis < shape.length; axis++) {
            Object wanted = spec.shape().get(axis);
            if (shape[axis] == 0 && !Integer.valueOf(0).equals(wanted)) {
                throw new ContractException(
                        told + ": " + (axis == 0 ? "the batch is empty" : "axis " + axis + " is empty"),
                        "give a sample that is not empty");
            }
            if (wanted instanceof Integer && !wanted.equals(shape[axis])) {
                throw new ContractException(told + ": axis " + axis + " is " + shape[axis] + " instead of " + wanted);
            }
            if (wanted instanceof String name) {
                Integer known = named.putIfAbsent(name, shape[axis]);
                if (known != null && known != shape[axis]) {
                    throw new ContractException(told + ": '" + name + "' is " + shape[axis] + " here and " + known
                            + " elsewhere");
                }
            }
        }
    }

    private static void checkValues(TensorSpec spec, NdArray array) {
        if (array.type().kind() == 'U') {
            return;
        }
        boolean real = array.type().kind() == 'f';
        double high = spec.high() == null ? Double.POSITIVE_INFINITY : spec.high();
        double low = spec.low() == null ? Double.NEGATIVE_INFINITY : spec.low();
        for (int i = 0; i < array.size(); i++) {
            double value = array.at(i);
            if (Double.isNaN(value)) {
                throw new ContractException("input '" + spec.name() + "' holds NaN");
            }
            if (real && value == Double.POSITIVE_INFINITY) {
                throw new ContractException("input '" + spec.name() + "' holds infinity");
            }
            if (value < low) {
                throw new ContractException(
                        "input '" + spec.name() + "' holds " + value + ", and the smallest allowed is " + low);
            }
            if (value > high) {
                throw new ContractException(
                        "input '" + spec.name() + "' holds " + value + ", and the largest allowed is " + high);
            }
        }
    }

    /** What samples must have in common to travel in one call: names, types and shapes. */
    public static String key(Map<String, NdArray> feeds) {
        StringBuilder key = new StringBuilder();
        feeds.forEach((name, array) -> key.append(name).append(array).append(';'));
        return key.toString();
    }

    /** Samples of equal {@link #key} as one batch, in their order. */
    public static Map<String, NdArray> join(List<Map<String, NdArray>> samples) {
        Map<String, NdArray> joined = new LinkedHashMap<>();
        for (String name : samples.get(0).keySet()) {
            List<NdArray> parts = new ArrayList<>();
            samples.forEach(each -> parts.add(each.get(name)));
            joined.put(name, stacked(parts));
        }
        return joined;
    }

    private static NdArray stacked(List<NdArray> parts) {
        NdArray first = parts.get(0);
        int[] shape = first.shape();
        shape[0] = parts.stream().mapToInt(each -> each.dim(0)).sum();
        Object made = NdArray.storage(first.type(), NdArray.product(shape));
        int at = 0;
        for (NdArray each : parts) {
            System.arraycopy(each.data(), 0, made, at, each.size());
            at += each.size();
        }
        return NdArray.of(first.type(), made, shape);
    }
}
