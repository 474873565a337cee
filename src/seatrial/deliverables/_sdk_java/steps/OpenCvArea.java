package seatrial.steps;

import seatrial.DType;
import seatrial.NdArray;

/** OpenCV's {@code area} when it shrinks: the mean of the pixels under each new one, cut ones by their part. */
final class OpenCvArea {
    private OpenCvArea() {}

    /** One source pixel's part in one target pixel. */
    private record Part(int from, int to, float weight) {}

    static NdArray shrink(NdArray image, int height, int width) {
        int rows = image.dim(0);
        int columns = image.dim(1);
        int channels = image.dim(2);
        boolean whole = rows % height == 0 && columns % width == 0;
        float[] found = whole
                ? blocks(image, rows / height, columns / width)
                : parts(image.floats(), rows, columns, channels, height, width);
        if (image.type() == DType.FLOAT32) {
            return NdArray.of(found, height, width, channels);
        }
        byte[] pixels = new byte[found.length];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) Math.min(Math.max((int) Math.rint(found[i]), 0), 255);
        }
        return NdArray.of(pixels, height, width, channels);
    }

    /** Whole blocks of pixels. */
    private static float[] blocks(NdArray image, int tall, int wide) {
        int height = image.dim(0) / tall;
        int width = image.dim(1) / wide;
        int channels = image.dim(2);
        float[] found = new float[height * width * channels];
        boolean bytes = image.type() == DType.UINT8;
        boolean four = bytes && tall == 2 && wide == 2;
        float share = 1f / (tall * wide);
        for (int i = 0; i < found.length; i++) {
            int channel = i % channels;
            int x = i / channels % width * wide;
            int y = i / channels / width * tall;
            float real = 0;
            int sum = 0;
            for (int k = 0; k < tall * wide; k++) {
                int at = ((y + k / wide) * image.dim(1) + x + k % wide) * channels + channel;
                if (bytes) {
                    sum += (int) image.longAt(at);
                } else {
                    real += (float) image.at(at);
                }
            }
            found[i] = four ? sum + 2 >> 2 : bytes ? sum * share : real * share;
        }
        return found;
    }

    private static float[] parts(float[] source, int rows, int columns, int channels, int height, int width) {
        Part[] across = table(columns, width);
        Part[] down = table(rows, height);
        float[] found = new float[height * width * channels];
        float[] line = new float[width * channels];
        for (Part row : down) {
            java.util.Arrays.fill(line, 0f);
            for (Part column : across) {
                for (int channel = 0; channel < channels; channel++) {
                    line[column.to * channels + channel] +=
                            source[(row.from * columns + column.from) * channels + channel] * column.weight;
                }
            }
            for (int x = 0; x < line.length; x++) {
                found[row.to * line.length + x] += row.weight * line[x];
            }
        }
        return found;
    }

    private static Part[] table(int length, int wanted) {
        double step = 1.0 / (wanted / (double) length);
        java.util.List<Part> found = new java.util.ArrayList<>();
        for (int to = 0; to < wanted; to++) {
            double start = to * step;
            double end = start + step;
            double cell = Math.min(step, length - start);
            int first = (int) Math.ceil(start);
            int last = Math.min((int) Math.floor(end), length - 1);
            first = Math.min(first, last);
            if (first - start > 1e-3) {
                found.add(new Part(first - 1, to, (float) ((first - start) / cell)));
            }
            for (int from = first; from < last; from++) {
                found.add(new Part(from, to, (float) (1.0 / cell)));
            }
            if (end - last > 1e-3) {
                found.add(new Part(last, to, (float) (Math.min(Math.min(end - last, 1.0), cell) / cell)));
            }
        }
        return found.toArray(new Part[0]);
    }
}
