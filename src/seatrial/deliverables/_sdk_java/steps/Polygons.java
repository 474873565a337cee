package seatrial.steps;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Convex polygons on a grid: which pixels lie inside, and what they become when they grow. */
final class Polygons {
    private static final int SHIFT = 16; // bits behind the point of a place on an edge
    private static final double ARC = 0.25; // pixels that an arc may be off, as Clipper's default

    private Polygons() {}

    /** The pixels of a convex polygon and of its border, as OpenCV fills it: edges are cut at the picture first. */
    static boolean[] filled(int[][] corners, int height, int width) {
        boolean[] inside = new boolean[height * width];
        long[] low = new long[height];
        long[] high = new long[height];
        Arrays.fill(low, Long.MAX_VALUE);
        Arrays.fill(high, Long.MIN_VALUE);
        for (int i = 0; i < corners.length; i++) {
            int[] from = corners[(i + corners.length - 1) % corners.length];
            int[] to = corners[i];
            Cut cut = Cut.of(from, to, height, width);
            if (cut.visible()) {
                line(inside, cut.from(), cut.to(), height, width);
            }
            boolean shown = cut.from()[1] != cut.to()[1];
            int[] start = shown ? cut.from() : from;
            int[] end = shown ? cut.to() : to;
            if (from[1] == to[1]) {
                continue;
            }
            long slope = ((long) (end[0] - start[0]) << SHIFT) / (end[1] - start[1]);
            int[] upper = from[1] < to[1] ? start : end;
            for (int y = Math.max(0, Math.min(from[1], to[1])); y < Math.min(height, Math.max(from[1], to[1])); y++) {
                long x = ((long) upper[0] << SHIFT) + slope * (y - upper[1]);
                low[y] = Math.min(low[y], x);
                high[y] = Math.max(high[y], x);
            }
        }
        for (int y = 0; y < height; y++) {
            long first = low[y] > high[y] ? width : Math.max(0, low[y] + (1L << SHIFT) - 1 >> SHIFT);
            for (long x = first; x <= high[y] >> SHIFT && x < width; x++) {
                inside[y * width + (int) x] = true;
            }
        }
        return inside;
    }

    /** Bresenham's line from left to right. */
    private static void line(boolean[] inside, int[] from, int[] to, int height, int width) {
        int[] start = from[0] <= to[0] ? from : to;
        int[] end = from[0] <= to[0] ? to : from;
        int dx = end[0] - start[0];
        int dy = Math.abs(end[1] - start[1]);
        int down = end[1] >= start[1] ? 1 : -1;
        boolean steep = dy > dx;
        int large = Math.max(dx, dy);
        int small = Math.min(dx, dy);
        int error = large - 2 * small;
        int x = start[0];
        int y = start[1];
        for (int i = 0; i <= large; i++) {
            if (x >= 0 && x < width && y >= 0 && y < height) {
                inside[y * width + x] = true;
            }
            boolean aside = error < 0;
            error += aside ? 2 * large - 2 * small : -2 * small;
            x += !steep || aside ? 1 : 0;
            y += steep || aside ? down : 0;
        }
    }

    /** A convex polygon grown by a distance, its corners rounded: whole points, as Clipper's offset gives them. */
    static List<int[]> grown(List<int[]> corners, double distance) {
        List<int[]> path = distinct(corners);
        if (path.size() < 3 || area(path) == 0) {
            return List.of();
        }
        if (area(path) < 0) {
            Collections.reverse(path);
        }
        double off = ARC > distance * ARC ? distance * ARC : ARC;
        double steps = Math.min(Math.PI / Math.acos(1 - off / distance), distance * Math.PI);
        List<int[]> found = new ArrayList<>();
        int before = path.size() - 1;
        for (int i = 0; i < path.size(); i++) {
            double[] from = normal(path.get(before), path.get(i));
            double[] to = normal(path.get(i), path.get((i + 1) % path.size()));
            corner(found, path.get(i), from, to, distance, steps);
            before = i;
        }
        return found;
    }

    private static void corner(
            List<int[]> found, int[] at, double[] from, double[] to, double distance, double steps) {
        double sine = from[0] * to[1] - to[0] * from[1];
        double cosine = from[0] * to[0] + from[1] * to[1];
        if (Math.abs(sine * distance) < 1.0 && cosine > 0) {
            found.add(moved(at, from[0], from[1], distance));
            return;
        }
        sine = Math.max(-1, Math.min(1, sine));
        double angle = Math.atan2(sine, cosine);
        long count = Math.max(1, (long) (steps / (2 * Math.PI) * Math.abs(angle) + 0.5));
        double turnSine = Math.sin(2 * Math.PI / steps);
        double turnCosine = Math.cos(2 * Math.PI / steps);
        double x = from[0];
        double y = from[1];
        for (long i = 0; i < count; i++) {
            found.add(moved(at, x, y, distance));
            double old = x;
            x = x * turnCosine - turnSine * y;
            y = old * turnSine + y * turnCosine;
        }
        found.add(moved(at, to[0], to[1], distance));
    }

    private static int[] moved(int[] at, double x, double y, double distance) {
        return new int[] {rounded(at[0] + x * distance), rounded(at[1] + y * distance)};
    }

    private static int rounded(double value) {
        return (int) (value < 0 ? value - 0.5 : value + 0.5);
    }

    private static double[] normal(int[] from, int[] to) {
        double dx = to[0] - from[0];
        double dy = to[1] - from[1];
        double share = 1.0 / Math.sqrt(dx * dx + dy * dy);
        return new double[] {dy * share, -(dx * share)};
    }

    private static List<int[]> distinct(List<int[]> corners) {
        List<int[]> found = new ArrayList<>();
        for (int[] each : corners) {
            if (found.isEmpty() || !Arrays.equals(found.get(found.size() - 1), each)) {
                found.add(each);
            }
        }
        while (found.size() > 1 && Arrays.equals(found.get(0), found.get(found.size() - 1))) {
            found.remove(found.size() - 1);
        }
        return found;
    }

    private static long area(List<int[]> path) {
        long twice = 0;
        for (int i = 0; i < path.size(); i++) {
            int[] one = path.get(i);
            int[] other = path.get((i + 1) % path.size());
            twice += (long) one[0] * other[1] - (long) other[0] * one[1];
        }
        return twice;
    }
}
