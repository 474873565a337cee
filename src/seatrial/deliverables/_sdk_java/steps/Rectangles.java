package seatrial.steps;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** The rectangle of least area around points, by rotating calipers in float32, as OpenCV computes it. */
final class Rectangles {
    /**
     * A rectangle.
     *
     * @param corners (x, y) clockwise from the upper left
     * @param shortSide its shorter side
     */
    record Rectangle(float[][] corners, float shortSide) {}

    private Rectangles() {}

    /**
     * The smallest one, or null when all points lie on one line.
     *
     * @param points (x, y); their order decides where the calipers start, and with that the last bit
     */
    static Rectangle smallest(List<int[]> points) {
        List<int[]> hull = hull(points);
        return hull.size() < 3 ? null : turned(fromFirst(hull));
    }

    /** The corners of the convex hull, each with its place among the points, from the rightmost one on. */
    private static List<int[]> hull(List<int[]> points) {
        List<int[]> sorted = new ArrayList<>();
        for (int i = 0; i < points.size(); i++) {
            sorted.add(new int[] {points.get(i)[0], points.get(i)[1], i});
        }
        Comparator<int[]> byPlace = Comparator.<int[]>comparingInt(each -> each[0]).thenComparingInt(each -> each[1]);
        sorted.sort(byPlace);
        List<int[]> hull = half(sorted);
        java.util.Collections.reverse(sorted);
        List<int[]> upper = half(sorted);
        // The upper half begins at the rightmost corner.
        upper.remove(upper.size() - 1);
        hull.remove(hull.size() - 1);
        upper.addAll(hull);
        return upper;
    }

    /** Where the points went around in order, the hull begins with the first of them, or the last, as OpenCV's does. */
    private static List<int[]> fromFirst(List<int[]> hull) {
        int count = hull.size();
        int first = 0;
        int last = 0;
        int rising = 0;
        for (int i = 0; i < count; i++) {
            first = hull.get(i)[2] < hull.get(first)[2] ? i : first;
            last = hull.get(i)[2] > hull.get(last)[2] ? i : last;
            rising += hull.get(i)[2] < hull.get((i + 1) % count)[2] ? 1 : 0;
        }
        if (rising != 1 && rising != count - 1) {
            return hull;
        }
        List<int[]> turned = new ArrayList<>(hull);
        java.util.Collections.rotate(turned, rising == 1 ? -last : -first);
        return turned;
    }

    private static List<int[]> half(List<int[]> sorted) {
        List<int[]> found = new ArrayList<>();
        for (int[] each : sorted) {
            while (found.size() > 1 && turn(found.get(found.size() - 2), found.get(found.size() - 1), each) <= 0) {
                found.remove(found.size() - 1);
            }
            int[] before = found.isEmpty() ? null : found.get(found.size() - 1);
            if (before == null || before[0] != each[0] || before[1] != each[1]) {
                found.add(each);
            }
        }
        return found;
    }

    private static long turn(int[] a, int[] b, int[] c) {
        return (long) (b[0] - a[0]) * (c[1] - a[1]) - (long) (b[1] - a[1]) * (c[0] - a[0]);
    }

    private static Rectangle turned(List<int[]> hull) {
        int count = hull.size();
        float[] x = new float[count];
        float[] y = new float[count];
        float[] alongX = new float[count];
        float[] alongY = new float[count];
        float[] share = new float[count];
        int left = 0;
        int right = 0;
        int top = 0;
        int bottom = 0;
        for (int i = 0; i < count; i++) {
            x[i] = hull.get(i)[0];
            y[i] = hull.get(i)[1];
        }
        for (int i = 0; i < count; i++) {
            int next = (i + 1) % count;
            alongX[i] = x[next] - x[i];
            alongY[i] = y[next] - y[i];
            double squared = (double) alongX[i] * alongX[i] + (double) alongY[i] * alongY[i];
            share[i] = (float) (1.0 / Math.sqrt(squared));
            left = x[i] < x[left] ? i : left;
            right = x[i] > x[right] ? i : right;
            top = y[i] > y[top] ? i : top;
            bottom = y[i] < y[bottom] ? i : bottom;
        }
        int[] at = {bottom, right, top, left};
        float least = Float.MAX_VALUE;
        float[] best = new float[6];
        for (int k = 0; k < count; k++) {
            int side = nearest(at, alongX, alongY);
            float leadX = alongX[at[side]] * share[at[side]];
            float leadY = alongY[at[side]] * share[at[side]];
            float a = side == 0 ? leadX : side == 1 ? leadY : side == 2 ? -leadX : -leadY;
            float b = side == 0 ? leadY : side == 1 ? -leadX : side == 2 ? -leadY : leadX;
            at[side] = (at[side] + 1) % count;
            float width = (x[at[1]] - x[at[3]]) * a + (y[at[1]] - y[at[3]]) * b;
            float height = -(x[at[2]] - x[at[0]]) * b + (y[at[2]] - y[at[0]]) * a;
            float area = width * height;
            if (area <= least) {
                least = area;
                best = new float[] {at[3], a, width, b, height, at[0]};
            }
        }
        return made(best, x, y);
    }

    /** Which of the four sides meets its next edge first. */
    private static int nearest(int[] at, float[] alongX, float[] alongY) {
        float[] turnedX = {alongX[at[0]], alongY[at[1]], -alongX[at[2]], -alongY[at[3]]};
        float[] turnedY = {alongY[at[0]], -alongX[at[1]], -alongY[at[2]], alongX[at[3]]};
        int side = 0;
        for (int i = 1; i < 4; i++) {
            if (turnedY[i] * turnedX[side] - turnedX[i] * turnedY[side] < 0) {
                side = i;
            }
        }
        return side;
    }

    /** Center, sides and angle in float32, and from them the corners. */
    private static Rectangle made(float[] best, float[] x, float[] y) {
        int left = (int) best[0];
        int bottom = (int) best[5];
        float a = best[1];
        float b = best[3];
        float first = a * x[left] + y[left] * b;
        float second = -b * x[bottom] + y[bottom] * a;
        float scale = 1f / (a * a - -b * b);
        float cornerX = (first * a - second * b) * scale;
        float cornerY = (a * second - -b * first) * scale;
        float acrossX = a * best[2];
        float acrossY = b * best[2];
        float downX = -b * best[4];
        float downY = a * best[4];
        float centerX = cornerX + (acrossX + downX) * 0.5f;
        float centerY = cornerY + (acrossY + downY) * 0.5f;
        float width = (float) Math.sqrt((double) acrossX * acrossX + (double) acrossY * acrossY);
        float height = (float) Math.sqrt((double) downX * downX + (double) downY * downY);
        double degrees = Math.atan2(acrossY, acrossX) * 180 / Math.PI;
        for (; degrees >= 0; degrees -= 90) {
            float swapped = width;
            width = height;
            height = swapped;
        }
        double angle = (float) degrees * Math.PI / 180;
        float cosine = (float) Math.cos(angle) * 0.5f;
        float sine = (float) Math.sin(angle) * 0.5f;
        float[][] corners = {
            {centerX - sine * height - cosine * width, centerY + cosine * height - sine * width},
            {centerX + sine * height - cosine * width, centerY - cosine * height - sine * width},
            {centerX + sine * height + cosine * width, centerY - cosine * height + sine * width},
            {centerX - sine * height + cosine * width, centerY + cosine * height + sine * width},
        };
        return new Rectangle(clockwise(corners), Math.min(width, height));
    }

    private static float[][] clockwise(float[][] corners) {
        Arrays.sort(corners, (one, other) -> Float.compare(one[0], other[0]));
        boolean left = corners[0][1] <= corners[1][1];
        boolean right = corners[2][1] <= corners[3][1];
        return new float[][] {
            corners[left ? 0 : 1], corners[right ? 2 : 3], corners[right ? 3 : 2], corners[left ? 1 : 0]
        };
    }
}
