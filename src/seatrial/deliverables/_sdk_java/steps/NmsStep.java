package seatrial.steps;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** {@code nms}: drops boxes that a better one of the same class covers. */
public final class NmsStep {
    private NmsStep() {}

    /**
     * Rows [n, 6] of (class, score, x0, y0, x1, y1), or boxes [n, 4] and scores [classes, n], into rows [m, 6], best
     * first. Equal scores keep the order they came in.
     *
     * @param value the rows, or a list of boxes and scores
     * @param context not used
     * @param iou boxes that overlap a better one by more than this are dropped
     * @param score the smallest that counts
     * @param keep most rows in the result
     * @param candidates most rows of a class that are looked at
     */
    public static Object apply(Object value, Context context, double iou, double score, int keep, int candidates) {
        TreeMap<Float, List<float[]>> byClass = new TreeMap<>();
        for (float[] row : rows(value)) {
            if (row[1] >= (float) score) {
                byClass.computeIfAbsent(row[0] + 0.0f, none -> new ArrayList<>()).add(row);
            }
        }
        List<float[]> joined = new ArrayList<>();
        byClass.values().forEach(each -> joined.addAll(survivors(each, (float) iou, candidates)));
        List<float[]> best = firsts(joined, keep);
        float[] flat = new float[best.size() * 6];
        for (int i = 0; i < best.size(); i++) {
            System.arraycopy(best.get(i), 0, flat, i * 6, 6);
        }
        return NdArray.of(flat, best.size(), 6);
    }

    private static List<float[]> rows(Object value) {
        if (!(value instanceof List<?> list && list.size() == 2)) {
            NdArray rows = Values.array(value, 2, "rows of (class, score, x0, y0, x1, y1)");
            if (rows.dim(1) != 6) {
                throw new ContractException("takes rows of 6 numbers, not " + rows.dim(1));
            }
            float[] numbers = Values.toFloat(rows, DType.FLOAT32).floats();
            List<float[]> found = new ArrayList<>();
            for (int i = 0; i < rows.dim(0); i++) {
                found.add(java.util.Arrays.copyOfRange(numbers, i * 6, i * 6 + 6));
            }
            return found;
        }
        NdArray boxes = Values.array(list.get(0), 2, "boxes and scores");
        NdArray scores = Values.array(list.get(1), 2, "boxes and scores");
        int count = boxes.dim(0);
        if (boxes.dim(1) != 4 || scores.dim(1) != count) {
            throw new ContractException("takes boxes [n, 4] and scores [classes, n], not " + boxes + " and " + scores);
        }
        float[] corners = Values.toFloat(boxes, DType.FLOAT32).floats();
        float[] numbers = Values.toFloat(scores, DType.FLOAT32).floats();
        List<float[]> found = new ArrayList<>();
        for (int i = 0; i < numbers.length; i++) {
            int at = i % count * 4;
            found.add(new float[] {
                i / count, numbers[i], corners[at], corners[at + 1], corners[at + 2], corners[at + 3]
            });
        }
        return found;
    }

    private static List<float[]> firsts(List<float[]> rows, int count) {
        double[] scores = rows.stream().mapToDouble(each -> each[1]).toArray();
        List<float[]> found = new ArrayList<>();
        for (int place : Scores.bestFirst(scores)) {
            found.add(rows.get(place));
        }
        int end = count < 0 ? Math.max(0, found.size() + count) : Math.min(count, found.size());
        return new ArrayList<>(found.subList(0, end));
    }

    private static List<float[]> survivors(List<float[]> rows, float iou, int candidates) {
        List<float[]> waiting = firsts(rows, candidates);
        List<float[]> kept = new ArrayList<>();
        while (!waiting.isEmpty()) {
            float[] best = waiting.remove(0);
            kept.add(best);
            waiting.removeIf(other -> !(overlap(best, other) <= iou));
        }
        return kept;
    }

    /** Intersection over union, in float32; boxes without area overlap nothing. */
    private static float overlap(float[] box, float[] other) {
        float shared = area(
                Math.max(box[2], other[2]), Math.max(box[3], other[3]),
                Math.min(box[4], other[4]), Math.min(box[5], other[5]));
        float union = area(box[2], box[3], box[4], box[5]) + area(other[2], other[3], other[4], other[5]) - shared;
        return union > 0 ? shared / union : 0;
    }

    private static float area(float x0, float y0, float x1, float y1) {
        return Math.max(x1 - x0, 0f) * Math.max(y1 - y0, 0f);
    }
}
