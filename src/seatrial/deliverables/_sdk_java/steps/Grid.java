package seatrial.steps;

import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** Nearest or linear without the half pixel that OpenCV, Pillow and today's frameworks put in. */
final class Grid {
    private Grid() {}

    static NdArray resize(NdArray image, int height, int width, String interpolation, String library) {
        if (!interpolation.equals("nearest") && !interpolation.equals("linear")) {
            throw new ContractException(library + " samples nearest or linear, not " + interpolation);
        }
        boolean linear = interpolation.equals("linear");
        boolean corners = library.equals("align_corners");
        int channels = image.dim(2);
        float[] tall = along(image.floats(), 1, image.dim(0), image.dim(1) * channels, height, linear, corners);
        float[] done = along(tall, height, image.dim(1), channels, width, linear, corners);
        if (image.type() == DType.FLOAT32) {
            return NdArray.of(done, height, width, channels);
        }
        byte[] pixels = new byte[done.length];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) Math.min(Math.max((int) Math.rint(done[i]), 0), 255);
        }
        return NdArray.of(pixels, height, width, channels);
    }

    /** Resamples the middle one of three axes. */
    private static float[] along(
            float[] source, int outer, int length, int inner, int wanted, boolean linear, boolean corners) {
        int last = length - 1;
        double step = corners ? last / (double) Math.max(wanted - 1, 1) : length / (double) wanted;
        float[] found = new float[outer * wanted * inner];
        for (int to = 0; to < wanted; to++) {
            double where = Math.min(to * step, last);
            int low = (int) Math.floor(linear ? where : where + 1e-9);
            int high = Math.min(low + 1, last);
            float part = (float) (where - low);
            for (int i = 0; i < outer; i++) {
                for (int j = 0; j < inner; j++) {
                    float one = source[(i * length + low) * inner + j];
                    found[(i * wanted + to) * inner + j] =
                            linear ? one * (1 - part) + source[(i * length + high) * inner + j] * part : one;
                }
            }
        }
        return found;
    }
}
