package seatrial;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Nested lists, such as JSON has them, as arrays. */
public final class Lists {
    private Lists() {}

    /** Pairs of a name and a value as a map that keeps their order. */
    public static Map<String, String> map(String... pairs) {
        Map<String, String> found = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            found.put(pairs[i], pairs[i + 1]);
        }
        return found;
    }

    /**
     * Nested lists as an array: all truths are bool, all whole numbers int64, all texts string, else float64.
     *
     * @param value nested lists, or a single value
     * @param what is wanted, for the error
     */
    public static NdArray array(Object value, String what) {
        List<Integer> shape = new ArrayList<>();
        DType inside = null;
        Object first = value;
        while (first instanceof List<?> list) {
            shape.add(list.size());
            first = list.isEmpty() ? null : list.get(0);
        }
        if (first instanceof NdArray array) {
            for (int each : array.shape()) {
                shape.add(each);
            }
            inside = array.type();
        }
        List<Object> leaves = new ArrayList<>();
        collect(value, shape, 0, leaves, what);
        boolean truths = !leaves.isEmpty();
        boolean whole = !leaves.isEmpty();
        for (Object each : leaves) {
            truths &= each instanceof Boolean;
            whole &= each instanceof Boolean || each instanceof Long || each instanceof Integer;
        }
        int[] sizes = shape.stream().mapToInt(Integer::intValue).toArray();
        if (inside == null && leaves.stream().anyMatch(each -> each instanceof String)) {
            return texts(leaves, sizes, what);
        }
        DType type = inside != null ? inside : truths ? DType.BOOL : whole ? DType.INT64 : DType.FLOAT64;
        long[] longs = new long[leaves.size()];
        double[] doubles = new double[leaves.size()];
        for (int i = 0; i < longs.length; i++) {
            Object each = leaves.get(i) instanceof Boolean truth ? (Number) (truth ? 1L : 0L) : leaves.get(i);
            longs[i] = ((Number) each).longValue();
            doubles[i] = ((Number) each).doubleValue();
        }
        NdArray wide = type.kind() == 'f' ? NdArray.of(doubles, sizes) : NdArray.of(longs, sizes);
        return wide.as(type);
    }

    private static void collect(Object value, List<Integer> shape, int depth, List<Object> leaves, String what) {
        if (value instanceof NdArray array) {
            List<Integer> rest = shape.subList(Math.min(depth, shape.size()), shape.size());
            if (!rest.equals(Arrays.stream(array.shape()).boxed().toList())) {
                throw new ContractException("takes " + what + ", and the nested list it was given is ragged");
            }
            for (int i = 0; i < array.size(); i++) {
                leaves.add(array.type().kind() == 'f' ? (Object) array.at(i) : (Object) array.longAt(i));
            }
            return;
        }
        boolean list = value instanceof List<?>;
        if (list != depth < shape.size() || list && ((List<?>) value).size() != shape.get(depth)) {
            throw new ContractException("takes " + what + ", and the nested list it was given is ragged");
        }
        if (list) {
            ((List<?>) value).forEach(each -> collect(each, shape, depth + 1, leaves, what));
        } else if (value instanceof Number || value instanceof Boolean || value instanceof String) {
            leaves.add(value);
        } else {
            String kind = value == null ? "nothing" : value.getClass().getSimpleName();
            throw new ContractException("takes " + what + ", not lists of " + kind);
        }
    }

    private static NdArray texts(List<Object> leaves, int[] sizes, String what) {
        if (!leaves.stream().allMatch(each -> each instanceof String)) {
            throw new ContractException("takes " + what + ", and the list holds numbers and text");
        }
        return NdArray.of(leaves.toArray(new String[0]), sizes);
    }
}
