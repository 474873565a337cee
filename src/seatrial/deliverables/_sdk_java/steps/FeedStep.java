package seatrial.steps;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.Lists;
import seatrial.NdArray;

/** {@code feed}: which value goes into which input. */
public final class FeedStep {
    private FeedStep() {}

    /**
     * Arrays by input name.
     *
     * @param value what the steps before made
     * @param context has the notes
     * @param inputs from input name to source: {@code value}, {@code value.KEY}, or the name of a note such as
     *     {@code scale_factor}
     */
    public static Object apply(Object value, Context context, Map<String, String> inputs) {
        Map<String, Object> found = new LinkedHashMap<>();
        inputs.forEach((name, source) -> found.put(name, array(found(value, context, source), source)));
        return found;
    }

    private static Object found(Object value, Context context, String source) {
        if (source.startsWith("value.") && source.length() > 6) {
            String key = source.substring(6);
            if (!(value instanceof Map<?, ?> map) || !map.containsKey(key)) {
                throw new ContractException("the value has no '" + key + "'");
            }
            return map.get(key);
        }
        if (source.equals("value") || source.equals("value.")) {
            return value;
        }
        if (!context.notes().containsKey(source)) {
            throw new ContractException(
                    "there is no note '" + source + "'", "there are: value, " + String.join(", ", context.notes().keySet()));
        }
        return context.notes().get(source);
    }

    /** Plain numbers become int64 or float32. */
    private static NdArray array(Object found, String source) {
        if (found instanceof NdArray array) {
            return array;
        }
        if (found instanceof String text) {
            return NdArray.of(new String[] {text});
        }
        if (found instanceof int[] numbers) {
            long[] wide = java.util.Arrays.stream(numbers).asLongStream().toArray();
            return NdArray.of(wide, wide.length);
        }
        if (found instanceof double[] numbers) {
            return Values.toFloat(NdArray.of(numbers, numbers.length), DType.FLOAT32);
        }
        if (!(found instanceof Number || found instanceof Boolean || found instanceof List<?>)) {
            throw new ContractException("'" + source + "' is " + Values.describe(found) + ", not numbers or text");
        }
        NdArray array = Lists.array(found, "'" + source + "' as numbers");
        return array.type().kind() == 'f' ? Values.toFloat(array, DType.FLOAT32) : array;
    }
}
