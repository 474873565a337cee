package seatrial.steps;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code pack}: the outputs of a model that answers by itself into the answer. */
public final class PackStep {
    private PackStep() {}

    /**
     * Output {@code i} is the part {@code keys[i]} of the answer; {@code top.index} is a part of each row of {@code
     * top}.
     *
     * @param value a list of outputs, or one
     * @param context not used
     * @param keys for each output the part it is
     */
    @SuppressWarnings("unchecked")
    public static Object apply(Object value, Context context, String[] keys) {
        List<?> outputs = value instanceof List<?> list ? list : List.of(value);
        if (outputs.size() != keys.length) {
            throw new ContractException("takes " + keys.length + " outputs, not " + outputs.size());
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        for (int i = 0; i < keys.length; i++) {
            Object found = outputs.get(i) instanceof NdArray array ? unpacked(array, 0, new int[1]) : outputs.get(i);
            int dot = keys[i].indexOf('.');
            if (dot < 0) {
                answer.put(keys[i], found);
                continue;
            }
            if (!(found instanceof List<?> parts)) {
                throw new ContractException("'" + keys[i] + "' takes a row, not " + Values.describe(found));
            }
            Object rows = answer.computeIfAbsent(keys[i].substring(0, dot), name -> {
                List<Object> lines = new ArrayList<>();
                parts.forEach(each -> lines.add(new LinkedHashMap<String, Object>()));
                return lines;
            });
            if (!(rows instanceof List<?> lines) || lines.size() != parts.size()) {
                throw new ContractException(
                        "'" + keys[i] + "' has " + parts.size() + " rows, and the parts before it another number");
            }
            for (int row = 0; row < parts.size(); row++) {
                if (!(lines.get(row) instanceof Map<?, ?> line)) {
                    throw new ContractException("'" + keys[i] + "' is a part of rows, and they are none");
                }
                ((Map<String, Object>) line).put(keys[i].substring(dot + 1), parts.get(row));
            }
        }
        return answer;
    }

    /** One element of an array, from {@code at[0]} on, as numbers, texts and lists of them. */
    private static Object unpacked(NdArray array, int axis, int[] at) {
        if (axis < array.rank()) {
            List<Object> rows = new ArrayList<>();
            for (int row = 0; row < array.dim(axis); row++) {
                rows.add(unpacked(array, axis + 1, at));
            }
            return rows;
        }
        int place = at[0]++;
        return switch (array.type().kind()) {
            case 'U' -> array.textAt(place);
            case 'b' -> array.longAt(place) != 0;
            case 'i', 'u' -> array.longAt(place);
            default -> array.at(place);
        };
    }
}
