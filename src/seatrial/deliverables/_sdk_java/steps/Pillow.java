package seatrial.steps;

import seatrial.DType;
import seatrial.NdArray;

/**
 * Resizing as Pillow does it: a filter as wide as the shrinking asks for, first across and then down; bytes in whole
 * numbers of 22 bits behind the point, real numbers in float64.
 */
final class Pillow {
    private static final int BITS = 32 - 8 - 2;

    private Pillow() {}

    static NdArray resize(NdArray image, int height, int width, String interpolation) {
        int rows = image.dim(0);
        int columns = image.dim(1);
        int channels = image.dim(2);
        if (interpolation.equals("nearest")) {
            return nearest(image, height, width);
        }
        float[] numbers = image.floats();
        boolean bytes = image.type() == DType.UINT8;
        // Down goes first where it takes away much more than across does; whole numbers are rounded in between.
        boolean downFirst = height < rows && rows - height > 2 * (columns - width);
        if (downFirst) {
            numbers = filtered(numbers, 1, rows, columns * channels, height, interpolation, bytes);
        }
        if (width != columns) {
            numbers = filtered(numbers, downFirst ? height : rows, columns, channels, width, interpolation, bytes);
        }
        if (height != rows && !downFirst) {
            numbers = filtered(numbers, 1, rows, width * channels, height, interpolation, bytes);
        }
        NdArray result = NdArray.of(numbers, height, width, channels);
        return bytes ? result.as(DType.UINT8) : result;
    }

    /** Filters the middle one of three axes. */
    private static float[] filtered(
            float[] source, int outer, int length, int inner, int wanted, String name, boolean bytes) {
        float[] found = new float[outer * wanted * inner];
        double scale = length / (double) wanted;
        double wide = Math.max(scale, 1.0);
        double support = support(name) * wide;
        for (int to = 0; to < wanted; to++) {
            double center = (to + 0.5) * scale;
            int from = Math.max(0, (int) (center - support + 0.5));
            int until = Math.min(length, (int) (center + support + 0.5));
            double[] weights = new double[until - from];
            double sum = 0;
            for (int k = 0; k < weights.length; k++) {
                weights[k] = weight(name, (k + from - center + 0.5) * (1.0 / wide));
                sum += weights[k];
            }
            for (int k = 0; k < weights.length && sum != 0; k++) {
                weights[k] = bytes ? fixed(weights[k] / sum) : weights[k] / sum;
            }
            for (int i = 0; i < outer; i++) {
                for (int j = 0; j < inner; j++) {
                    int start = (i * length + from) * inner + j;
                    float result = bytes ? clipped(source, start, inner, weights) : real(source, start, inner, weights);
                    found[(i * wanted + to) * inner + j] = result;
                }
            }
        }
        return found;
    }

    private static double fixed(double weight) {
        return (int) (weight < 0 ? -0.5 + weight * (1 << BITS) : 0.5 + weight * (1 << BITS));
    }

    private static float clipped(float[] source, int start, int stride, double[] weights) {
        int sum = 1 << (BITS - 1);
        for (int k = 0; k < weights.length; k++) {
            sum += (int) source[start + k * stride] * (int) weights[k];
        }
        return Math.min(Math.max(sum >> BITS, 0), 255);
    }

    private static float real(float[] source, int start, int stride, double[] weights) {
        double sum = 0;
        for (int k = 0; k < weights.length; k++) {
            sum += source[start + k * stride] * weights[k];
        }
        return (float) sum;
    }

    private static double support(String name) {
        switch (name) {
            case "area":
                return 0.5;
            case "linear":
                return 1.0;
            case "cubic":
                return 2.0;
            default:
                return 3.0;
        }
    }

    private static double weight(String name, double x) {
        double size = Math.abs(x);
        switch (name) {
            case "area":
                return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
            case "linear":
                return size < 1.0 ? 1.0 - size : 0.0;
            case "cubic":
                double a = -0.5;
                if (size < 1.0) {
                    return ((a + 2.0) * size - (a + 3.0)) * size * size + 1;
                }
                return size < 2.0 ? (((size - 5) * size + 8) * size - 4) * a : 0.0;
            default:
                return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
        }
    }

    private static double sinc(double x) {
        return x == 0.0 ? 1.0 : Math.sin(x * Math.PI) / (x * Math.PI);
    }

    private static NdArray nearest(NdArray image, int height, int width) {
        int[] down = steps(image.dim(0), height);
        int[] across = steps(image.dim(1), width);
        int channels = image.dim(2);
        int[] places = new int[height * width * channels];
        for (int y = 0, i = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                for (int channel = 0; channel < channels; channel++) {
                    places[i++] = (down[y] * image.dim(1) + across[x]) * channels + channel;
                }
            }
        }
        return image.gathered(places, height, width, channels);
    }

    /** Where each pixel comes from; the place grows by addition, with its rounding, as Pillow's does. */
    private static int[] steps(int length, int wanted) {
        int[] found = new int[wanted];
        double scale = length / (double) wanted;
        double where = scale * 0.5;
        for (int i = 0; i < wanted; i++) {
            found[i] = Math.min((int) where, length - 1);
            where += scale;
        }
        return found;
    }
}
