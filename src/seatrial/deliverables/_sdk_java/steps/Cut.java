package seatrial.steps;

/**
 * A line cut at the border of a picture (Cohen and Sutherland), its places cut to whole numbers as OpenCV does it.
 *
 * @param from one end (x, y)
 * @param to the other end
 * @param visible whether anything of it lies in the picture
 */
record Cut(int[] from, int[] to, boolean visible) {
    static Cut of(int[] from, int[] to, int height, int width) {
        int[] one = from.clone();
        int[] other = to.clone();
        int first = side(one, height, width);
        int second = side(other, height, width);
        for (int axis = 1; axis >= 0; axis--) {
            if ((first & second) != 0) {
                break;
            }
            int last = axis == 1 ? height - 1 : width - 1;
            int far = axis == 1 ? 8 : 2;
            int both = axis == 1 ? 12 : 3;
            if ((first & both) != 0) {
                move(one, other, one, axis, (first & far) != 0 ? last : 0);
                first = side(one, height, width) & ~both;
            }
            if ((second & both) != 0) {
                move(other, other, one, axis, (second & far) != 0 ? last : 0);
                second = side(other, height, width) & ~both;
            }
        }
        return new Cut(one, other, (first | second) == 0);
    }

    /** Which borders a point lies beyond: 1 left, 2 right, 4 above, 8 below. */
    private static int side(int[] point, int height, int width) {
        return (point[0] < 0 ? 1 : 0) + (point[0] >= width ? 2 : 0) + (point[1] < 0 ? 4 : 0)
                + (point[1] >= height ? 8 : 0);
    }

    private static void move(int[] point, int[] end, int[] start, int axis, int border) {
        int across = 1 - axis;
        double share = (double) (border - point[axis]) * (end[across] - start[across]) / (end[axis] - start[axis]);
        point[across] += (int) share;
        point[axis] = border;
    }
}
