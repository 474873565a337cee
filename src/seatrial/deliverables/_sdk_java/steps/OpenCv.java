package seatrial.steps;

import seatrial.DType;
import seatrial.NdArray;

/**
 * Resizing as OpenCV does it: each pixel is made of the 2, 4 or 8 nearest ones of the source, however much it shrinks;
 * only {@code area} takes the mean of all. Bytes are computed in whole numbers of 11 bits behind the point.
 */
final class OpenCv {
    private static final int ONE = 1 << 11;

    private OpenCv() {}

    /** For one axis: the first source pixel of each target pixel, and the weights of it and those behind it. */
    private record Taps(int[] from, float[][] weights) {}

    static NdArray resize(NdArray image, int height, int width, String interpolation) {
        int rows = image.dim(0);
        int columns = image.dim(1);
        int channels = image.dim(2);
        if (rows == height && columns == width) {
            return image;
        }
        double y = 1.0 / (height / (double) rows);
        double x = 1.0 / (width / (double) columns);
        boolean halved = interpolation.equals("linear") && rows == 2 * height && columns == 2 * width;
        if (interpolation.equals("nearest")) {
            return picked(image, nearest(rows, height), nearest(columns, width));
        }
        if (halved || interpolation.equals("area") && y >= 1 && x >= 1) {
            return OpenCvArea.shrink(image, height, width);
        }
        boolean area = interpolation.equals("area");
        int size = interpolation.equals("lanczos") ? 8 : interpolation.equals("cubic") ? 4 : 2;
        Taps down = taps(rows, height, y, size, area, false);
        Taps across = taps(columns, width, x, size, area, size == 2);
        if (image.type() == DType.UINT8) {
            byte[] pixels = bytes((byte[]) image.data(), rows, columns, channels, down, across);
            return NdArray.of(pixels, height, width, channels);
        }
        return NdArray.of(reals(image.floats(), rows, columns, channels, down, across), height, width, channels);
    }

    /** Where each pixel comes from when the nearest is taken. */
    static int[] nearest(int length, int wanted) {
        int[] found = new int[wanted];
        double step = 1.0 / (wanted / (double) length);
        for (int i = 0; i < wanted; i++) {
            found[i] = Math.min((int) Math.floor(i * step), length - 1);
        }
        return found;
    }

    private static NdArray picked(NdArray image, int[] down, int[] across) {
        int channels = image.dim(2);
        int[] places = new int[down.length * across.length * channels];
        int i = 0;
        for (int y : down) {
            for (int x : across) {
                for (int channel = 0; channel < channels; channel++) {
                    places[i++] = (y * image.dim(1) + x) * channels + channel;
                }
            }
        }
        return image.gathered(places, down.length, across.length, channels);
    }

    private static Taps taps(int length, int wanted, double step, int size, boolean area, boolean cut) {
        int[] from = new int[wanted];
        float[][] weights = new float[wanted][];
        double grow = wanted / (double) length;
        for (int i = 0; i < wanted; i++) {
            float part;
            int at;
            if (area) {
                at = (int) Math.floor(i * step);
                part = (float) ((i + 1) - (at + 1) * grow);
                part = part <= 0 ? 0f : part - (float) Math.floor(part);
            } else {
                part = (float) ((i + 0.5) * step - 0.5);
                at = (int) Math.floor(part);
                part -= at;
            }
            if (cut && at < 0) {
                part = 0;
                at = 0;
            }
            if (cut && at >= length - 1) {
                part = 0;
                at = length - 1;
            }
            from[i] = at - size / 2 + 1;
            weights[i] = size == 2 ? new float[] {1f - part, part} : size == 4 ? cubic(part) : lanczos(part);
        }
        return new Taps(from, weights);
    }

    private static float[] cubic(float x) {
        float a = -0.75f;
        float first = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
        float second = ((a + 2) * x - (a + 3)) * x * x + 1;
        float third = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
        return new float[] {first, second, third, 1f - first - second - third};
    }

    private static float[] lanczos(float x) {
        float[] found = new float[8];
        double half = Math.sqrt(0.5);
        double[][] turns = {
            {1, 0}, {-half, -half}, {0, 1}, {half, -half}, {-1, 0}, {half, half}, {0, -1}, {-half, half}
        };
        double start = -(x + 3) * Math.PI * 0.25;
        double sine = Math.sin(start);
        double cosine = Math.cos(start);
        float sum = 0;
        for (int i = 0; i < 8; i++) {
            float distance = -(x + 3 - i);
            double angle = distance * Math.PI * 0.25;
            found[i] = Math.abs(distance) >= 1e-6f
                    ? (float) ((turns[i][0] * sine + turns[i][1] * cosine) / (angle * angle))
                    : 1e30f;
            sum += found[i];
        }
        sum = 1f / sum;
        for (int i = 0; i < 8; i++) {
            found[i] *= sum;
        }
        return found;
    }

    private static int[][] whole(float[][] weights) {
        int[][] found = new int[weights.length][];
        for (int i = 0; i < found.length; i++) {
            found[i] = new int[weights[i].length];
            for (int k = 0; k < found[i].length; k++) {
                found[i][k] = (int) Math.rint(weights[i][k] * ONE);
            }
        }
        return found;
    }

    private static int clip(int value, int length) {
        return Math.min(Math.max(value, 0), length - 1);
    }

    private static byte[] bytes(byte[] source, int rows, int columns, int channels, Taps down, Taps across) {
        int[][] vertical = whole(down.weights);
        int[][] horizontal = whole(across.weights);
        int width = across.from.length * channels;
        byte[] found = new byte[down.from.length * width];
        int[][] lines = new int[rows][];
        int size = vertical[0].length;
        for (int y = 0; y < down.from.length; y++) {
            int[][] used = new int[size][];
            for (int k = 0; k < size; k++) {
                int row = clip(down.from[y] + k, rows);
                if (lines[row] == null) {
                    lines[row] = line(source, row * columns * channels, columns, channels, across.from, horizontal);
                }
                used[k] = lines[row];
            }
            for (int x = 0; x < width; x++) {
                found[y * width + x] = (byte) (size == 2 ? linear(used, vertical[y], x) : mixed(used, vertical[y], x));
            }
            for (int row = 0; row < clip(down.from[y], rows); row++) {
                lines[row] = null;
            }
        }
        return found;
    }

    private static int[] line(byte[] source, int start, int columns, int channels, int[] from, int[][] weights) {
        int[] found = new int[from.length * channels];
        for (int x = 0; x < from.length; x++) {
            for (int k = 0; k < weights[x].length; k++) {
                int at = start + clip(from[x] + k, columns) * channels;
                for (int channel = 0; channel < channels; channel++) {
                    found[x * channels + channel] += (source[at + channel] & 0xff) * weights[x][k];
                }
            }
        }
        return found;
    }

    private static int linear(int[][] lines, int[] weights, int x) {
        int upper = weights[0] * (lines[0][x] >> 4) >> 16;
        int lower = weights[1] * (lines[1][x] >> 4) >> 16;
        return clip(upper + lower + 2 >> 2, 256);
    }

    private static int mixed(int[][] lines, int[] weights, int x) {
        int sum = 1 << 21;
        for (int k = 0; k < weights.length; k++) {
            sum += lines[k][x] * weights[k];
        }
        return clip(sum >> 22, 256);
    }

    private static float[] reals(float[] source, int rows, int columns, int channels, Taps down, Taps across) {
        int width = across.from.length * channels;
        float[] lines = new float[rows * width];
        for (int y = 0; y < rows; y++) {
            for (int x = 0; x < across.from.length; x++) {
                for (int channel = 0; channel < channels; channel++) {
                    float sum = 0;
                    for (int k = 0; k < across.weights[x].length; k++) {
                        int at = (y * columns + clip(across.from[x] + k, columns)) * channels + channel;
                        float part = source[at] * across.weights[x][k];
                        sum = k == 0 ? part : sum + part;
                    }
                    lines[y * width + x * channels + channel] = sum;
                }
            }
        }
        float[] found = new float[down.from.length * width];
        for (int y = 0; y < down.from.length; y++) {
            for (int x = 0; x < width; x++) {
                float sum = 0;
                for (int k = 0; k < down.weights[y].length; k++) {
                    float part = lines[clip(down.from[y] + k, rows) * width + x] * down.weights[y][k];
                    sum = k == 0 ? part : sum + part;
                }
                found[y * width + x] = sum;
            }
        }
        return found;
    }
}
