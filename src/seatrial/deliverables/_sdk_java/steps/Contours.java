package seatrial.steps;

import java.util.ArrayList;
import java.util.List;

/**
 * Borders of regions in a mask, outer ones and those of holes, the last found first (Suzuki and Abe, 1985), as OpenCV
 * lists them.
 */
final class Contours {
    // Neighbors counterclockwise from the right one, as steps (y, x).
    private static final int[][] AROUND = {{0, 1}, {-1, 1}, {-1, 0}, {-1, -1}, {0, -1}, {1, -1}, {1, 0}, {1, 1}};
    private static final int SEEN = 2;

    private final int width;
    private final int[] pixels; // with a frame of zeros around

    private Contours(boolean[] mask, int height, int width) {
        this.width = width + 2;
        pixels = new int[(height + 2) * this.width];
        for (int i = 0; i < mask.length; i++) {
            pixels[(i / width + 1) * this.width + i % width + 1] = mask[i] ? 1 : 0;
        }
    }

    /** Points (x, y) of each border. */
    static List<List<int[]>> of(boolean[] mask, int height, int width) {
        Contours contours = new Contours(mask, height, width);
        List<List<int[]>> found = new ArrayList<>();
        for (int at = contours.width; at < contours.pixels.length - contours.width; at++) {
            int value = contours.pixels[at];
            if (value == 1 && contours.pixels[at - 1] == 0) {
                found.add(0, contours.followed(at, 4));
            } else if (value >= 1 && contours.pixels[at + 1] == 0) {
                found.add(0, contours.followed(at, 0));
            }
        }
        return found;
    }

    private int step(int direction) {
        return AROUND[direction][0] * width + AROUND[direction][1];
    }

    /** Walks around one border from its first pixel, and marks where it was. */
    private List<int[]> followed(int start, int outside) {
        List<int[]> points = new ArrayList<>();
        int direction = outside;
        do {
            direction = direction + 7 & 7; // clockwise
        } while (direction != outside && pixels[start + step(direction)] == 0);
        points.add(point(start));
        if (pixels[start + step(direction)] == 0) {
            pixels[start] = -SEEN;
            return points;
        }
        int first = start + step(direction);
        int at = start;
        while (true) {
            boolean right = false;
            int next = direction;
            do {
                next = next + 1 & 7; // counterclockwise
                right |= next == 0 && pixels[at + 1] == 0;
            } while (pixels[at + step(next)] == 0);
            if (right) {
                pixels[at] = -SEEN;
            } else if (pixels[at] == 1) {
                pixels[at] = SEEN;
            }
            int to = at + step(next);
            if (to == start && at == first) {
                return points;
            }
            at = to;
            direction = next + 4 & 7;
            points.add(point(at));
        }
    }

    private int[] point(int at) {
        return new int[] {at % width - 1, at / width - 1};
    }
}
