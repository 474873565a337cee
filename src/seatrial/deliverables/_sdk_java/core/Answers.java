package seatrial;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** From the outputs of a batch to the outputs of one sample, and from what the steps made to plain data. */
public final class Answers {
    private Answers() {}

    /**
     * The part of the outputs that belongs to one sample; a single output comes bare, several as a list.
     *
     * <p>An output whose layout does not begin with {@code N} is no batch: its rows are those of all samples, one
     * after the other, and a whole-number output of one axis says how many each sample has.
     *
     * @param outputs in the contract's order, batch axis included
     * @param specs of the outputs
     * @param row which sample
     */
    public static Object rowOf(List<NdArray> outputs, List<TensorSpec> specs, int row) {
        if (outputs.size() != specs.size()) {
            throw new ContractException(
                    "the model gave " + outputs.size() + " outputs, and the contract has " + specs.size());
        }
        List<Object> parts = new ArrayList<>();
        for (int i = 0; i < specs.size(); i++) {
            NdArray array = outputs.get(i);
            TensorSpec spec = specs.get(i);
            if (!spec.layout().isEmpty() && !spec.layout().startsWith("N")) {
                parts.add(shared(outputs, array, spec.name(), row));
            } else if (array.rank() == 0 || row >= array.dim(0)) {
                throw new ContractException("output '" + spec.name() + "' is " + array + " and has no row " + row);
            } else {
                parts.add(array.row(row));
            }
        }
        return parts.size() == 1 ? parts.get(0) : parts;
    }

    private static NdArray shared(List<NdArray> outputs, NdArray array, String name, int row) {
        NdArray counts = null;
        for (NdArray each : outputs) {
            char kind = each.type().kind();
            if (counts == null && each != array && each.rank() == 1 && (kind == 'i' || kind == 'u')) {
                counts = each;
            }
        }
        if (counts == null) {
            if (row == 0) {
                return array;
            }
            throw new ContractException(
                    "output '" + name + "' is shared by the samples and nothing says how many rows each has");
        }
        long sum = 0;
        long start = 0;
        boolean negative = false;
        for (int i = 0; i < counts.size(); i++) {
            start += i < row ? counts.longAt(i) : 0;
            sum += counts.longAt(i);
            negative |= counts.longAt(i) < 0;
        }
        if (row >= counts.size() || negative || sum > array.dim(0)) {
            throw new ContractException("output '" + name + "' is " + array + ", which does not fit the counts");
        }
        return array.rows((int) start, (int) (start + counts.longAt(row)));
    }

    /** The value in plain data, as JSON has it; refuses NaN and infinity, which JSON cannot carry. */
    public static Object plain(Object value, String where) {
        if (value instanceof NdArray array) {
            return plain(nested(array), where);
        }
        if (value instanceof Float || value instanceof Double) {
            double number = ((Number) value).doubleValue();
            if (Double.isNaN(number) || Double.isInfinite(number)) {
                throw new ContractException(where + " is " + number, "the model gave NaN or infinity for this input");
            }
            return number;
        }
        if (value instanceof Integer number) {
            return number.longValue();
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> found = new LinkedHashMap<>();
            for (Map.Entry<?, ?> each : map.entrySet()) {
                String name = String.valueOf(each.getKey());
                found.put(name, plain(each.getValue(), where + "." + name));
            }
            return found;
        }
        if (value instanceof List<?> list) {
            List<Object> found = new ArrayList<>(list.size());
            for (int i = 0; i < list.size(); i++) {
                found.add(plain(list.get(i), where + "[" + i + "]"));
            }
            return found;
        }
        if (value == null || value instanceof String || value instanceof Boolean || value instanceof Long) {
            return value;
        }
        throw new ContractException(where + " is a " + value.getClass().getSimpleName() + ", which is no JSON");
    }

    /** An array as nested lists; a single number comes bare. */
    public static Object nested(NdArray array) {
        return nested(array, 0, new int[1]);
    }

    private static Object nested(NdArray array, int axis, int[] place) {
        if (axis == array.rank()) {
            int at = place[0]++;
            switch (array.type().kind()) {
                case 'b':
                    return array.longAt(at) != 0;
                case 'f':
                    return array.at(at);
                case 'U':
                    return array.textAt(at);
                default:
                    return array.longAt(at);
            }
        }
        List<Object> found = new ArrayList<>(array.dim(axis));
        for (int i = 0; i < array.dim(axis); i++) {
            found.add(nested(array, axis + 1, place));
        }
        return found;
    }
}
