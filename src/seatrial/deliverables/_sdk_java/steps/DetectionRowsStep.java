package seatrial.steps;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** {@code detection_rows}: rows of class, score and corners into boxes. */
public final class DetectionRowsStep {
    private DetectionRowsStep() {}

    /**
     * Rows [n, 6] of (class, score, x0, y0, x1, y1) into {@code boxes}, {@code scores} and {@code classes}, best
     * first. Rows of class -1 are filling.
     *
     * @param value the rows; with several outputs, the first holds them
     * @param context has the labels, and where the pixels of the source went
     * @param score the smallest that counts
     * @param coordinates of the model's boxes: {@code model} ones are brought back to the {@code source} image
     * @param order which coordinate of a corner the model gives first, {@code xy} or {@code yx}
     */
    public static Object apply(Object value, Context context, double score, String coordinates, String order) {
        Object first = value instanceof List<?> list && !list.isEmpty() ? list.get(0) : value;
        NdArray rows = Values.array(first, 2, "rows");
        if (rows.dim(1) != 6) {
            throw new ContractException(
                    "takes rows of (class, score, x0, y0, x1, y1), not rows of " + rows.dim(1) + " numbers");
        }
        double least = rows.type() == DType.FLOAT32 ? (float) score : score; // numbers are compared in their own type
        List<double[]> found = new ArrayList<>();
        for (int i = 0; i < rows.dim(0); i++) {
            double[] row = new double[6];
            for (int j = 0; j < 6; j++) {
                row[j] = rows.at(i * 6 + j);
            }
            if (row[0] >= 0 && row[1] >= least) {
                found.add(row);
            }
        }
        Integer[] best = Scores.bestFirst(found.stream().mapToDouble(each -> each[1]).toArray());
        List<Object> boxes = new ArrayList<>();
        List<Object> scores = new ArrayList<>();
        List<Object> classes = new ArrayList<>();
        for (int place : best) {
            double[] row = found.get(place);
            boxes.add(placed(row, context, coordinates.equals("model"), order.equals("xy")));
            scores.add(row[1]);
            classes.add(Scores.nameOf(context.labels(), (long) row[0]));
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("boxes", boxes);
        answer.put("scores", scores);
        answer.put("classes", classes);
        return answer;
    }

    private static List<Double> placed(double[] row, Context context, boolean model, boolean xy) {
        double[] box = xy
                ? new double[] {row[2], row[3], row[4], row[5]}
                : new double[] {row[3], row[2], row[5], row[4]};
        List<Double> found = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            int axis = 1 - i % 2; // x, y, x, y; the notes have y first
            double number = box[i];
            if (model) {
                number = (number - Geometry.offset(context)[axis]) / Geometry.scale(context)[axis];
            }
            if (Geometry.knowsSource(context) && !Double.isNaN(number)) {
                number = Math.min(Math.max(number, 0), Geometry.sourceSize(context)[axis]);
            }
            found.add(number);
        }
        return found;
    }
}
