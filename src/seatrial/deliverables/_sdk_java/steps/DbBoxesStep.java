package seatrial.steps;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code db_boxes}: DBNet's map into text boxes in the source image. */
public final class DbBoxesStep {
    private static final int SAME_LINE = 10; // pixels between the tops of two boxes that a reader takes as one line

    private DbBoxesStep() {}

    /** A box of four whole points (x, y) from the upper left clockwise, and its score. */
    private record Found(int[][] box, double score) {}

    /** Where boxes are put: factors (y, x) and pixels (y, x) to undo, and the size (h, w) that cuts them. */
    private record Place(double[] scale, double[] offset, int[] size) {}

    /**
     * A map [height, width] or [1, height, width] into {@code boxes} and {@code scores}. A box is four points from the
     * upper left clockwise; boxes are in reading order.
     *
     * @param value probability of text at each pixel
     * @param context knows the size of the source and where its pixels went
     * @param thresh pixels above it are text
     * @param boxThresh a region counts when the mean in its rectangle is at least this
     * @param unclipRatio each box is grown by area * this / perimeter
     * @param maxCandidates most regions looked at
     * @param minSize smallest short side of a region, in pixels of the map
     * @param dilation widens regions by a pixel first
     * @param coordinates of the boxes: pixels of the {@code source} image, or of the {@code model}'s map
     * @param order which coordinate of a point comes first, {@code xy} or {@code yx}
     */
    public static Object apply(
            Object value, Context context, double thresh, double boxThresh, double unclipRatio, int maxCandidates,
            int minSize, boolean dilation, String coordinates, String order) {
        NdArray array = Values.array(value);
        NdArray map = array.rank() == 3 && array.dim(0) == 1 ? array.row(0) : array;
        if (map.rank() != 2 || map.size() == 0) {
            throw new ContractException("takes a map (height, width), not " + array);
        }
        int height = map.dim(0);
        int width = map.dim(1);
        float[] scores = map.floats();
        Place place = coordinates.equals("source")
                ? new Place(Geometry.scale(context), Geometry.offset(context), Geometry.sourceSize(context))
                : new Place(new double[] {1, 1}, new double[] {0, 0}, new int[] {height, width});
        List<Found> found = new ArrayList<>();
        List<List<int[]>> contours = Contours.of(mask(scores, height, width, (float) thresh, dilation), height, width);
        for (List<int[]> contour : contours.subList(0, Math.min(maxCandidates, contours.size()))) {
            Rectangles.Rectangle inner = Rectangles.smallest(contour);
            if (inner == null || inner.shortSide() < minSize) {
                continue;
            }
            double score = meanInside(scores, height, width, inner.corners());
            List<int[]> grown = score >= boxThresh ? grown(inner.corners(), unclipRatio) : List.of();
            Rectangles.Rectangle outer = grown.isEmpty() ? null : Rectangles.smallest(grown);
            int[][] box = outer == null || outer.shortSide() < minSize + 2 ? null : placed(outer.corners(), place);
            if (box != null) {
                found.add(new Found(box, score));
            }
        }
        return answer(inReadingOrder(found), order.equals("xy"));
    }

    private static boolean[] mask(float[] scores, int height, int width, float thresh, boolean dilation) {
        boolean[] mask = new boolean[scores.length];
        for (int i = 0; i < mask.length; i++) {
            int x = i % width;
            mask[i] = scores[i] > thresh;
            if (dilation && !mask[i]) {
                mask[i] = x > 0 && scores[i - 1] > thresh
                        || i >= width && scores[i - width] > thresh
                        || x > 0 && i >= width && scores[i - width - 1] > thresh;
            }
        }
        return mask;
    }

    private static double meanInside(float[] scores, int height, int width, float[][] box) {
        int[] low = {width - 1, height - 1};
        int[] high = {0, 0};
        for (float[] corner : box) {
            for (int axis = 0; axis < 2; axis++) {
                int last = axis == 0 ? width - 1 : height - 1;
                low[axis] = Math.max(0, Math.min(low[axis], (int) Math.floor(corner[axis])));
                high[axis] = Math.min(last, Math.max(high[axis], (int) Math.ceil(corner[axis])));
            }
        }
        int[][] corners = new int[4][];
        for (int i = 0; i < 4; i++) {
            corners[i] = new int[] {(int) ((double) box[i][0] - low[0]), (int) ((double) box[i][1] - low[1])};
        }
        int columns = high[0] - low[0] + 1;
        int rows = high[1] - low[1] + 1;
        boolean[] inside = Polygons.filled(corners, rows, columns);
        float[] part = new float[inside.length];
        int count = 0;
        for (int i = 0; i < inside.length; i++) {
            if (inside[i]) {
                part[count++] = scores[(low[1] + i / columns) * width + low[0] + i % columns];
            }
        }
        return count == 0 ? 0.0 : Sums.mean(part, count);
    }

    private static List<int[]> grown(float[][] box, double ratio) {
        double forward = 0;
        double backward = 0;
        double perimeter = 0;
        List<int[]> whole = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            float[] next = box[(i + 1) % 4];
            forward += (double) box[i][0] * next[1];
            backward += (double) box[i][1] * next[0];
            perimeter += Math.hypot((double) box[i][0] - next[0], (double) box[i][1] - next[1]);
            whole.add(new int[] {(int) box[i][0], (int) box[i][1]});
        }
        double distance = Math.abs(forward - backward) / 2 * ratio / perimeter;
        return perimeter == 0 || !(distance > 0) ? List.of() : Polygons.grown(whole, distance);
    }

    /** The box in whole pixels of the place, or null when nothing of it is left there. */
    private static int[][] placed(float[][] box, Place place) {
        int[][] points = new int[4][2];
        for (int i = 0; i < 4; i++) {
            for (int axis = 0; axis < 2; axis++) {
                double moved = (box[i][axis] - place.offset[1 - axis]) / place.scale[1 - axis];
                points[i][axis] = (int) Math.min(Math.max(Math.rint(moved), 0), place.size[1 - axis] - 1);
            }
        }
        boolean wide = (int) length(points[0], points[1]) > 3;
        return wide && (int) length(points[0], points[3]) > 3 ? points : null;
    }

    private static double length(int[] one, int[] other) {
        double dx = one[0] - other[0];
        double dy = one[1] - other[1];
        return Math.sqrt(dx * dx + dy * dy);
    }

    /** Top to bottom; boxes whose tops are near each other go from left to right. */
    private static List<Found> inReadingOrder(List<Found> found) {
        List<Found> ordered = new ArrayList<>(found);
        ordered.sort(Comparator.<Found>comparingInt(each -> each.box[0][1]).thenComparingInt(each -> each.box[0][0]));
        for (int place = 1; place < ordered.size(); place++) {
            for (int at = place; at > 0 && before(ordered.get(at).box[0], ordered.get(at - 1).box[0]); at--) {
                ordered.set(at - 1, ordered.set(at, ordered.get(at - 1)));
            }
        }
        return ordered;
    }

    private static boolean before(int[] corner, int[] other) {
        return Math.abs(corner[1] - other[1]) < SAME_LINE && corner[0] < other[0];
    }

    private static Map<String, Object> answer(List<Found> found, boolean xy) {
        List<Object> boxes = new ArrayList<>();
        List<Object> scores = new ArrayList<>();
        for (Found each : found) {
            List<Object> box = new ArrayList<>();
            for (int[] point : each.box) {
                box.add(List.of((long) point[xy ? 0 : 1], (long) point[xy ? 1 : 0]));
            }
            boxes.add(box);
            scores.add(each.score);
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("boxes", boxes);
        answer.put("scores", scores);
        return answer;
    }
}
