package seatrial.steps;

import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** {@code color}: RGB, BGR and gray into each other. */
public final class ColorStep {
    // OpenCV's weights of red, green and blue in whole numbers of 15 bits.
    private static final int RED = 9798;
    private static final int GREEN = 19235;
    private static final int BLUE = 3735;

    private ColorStep() {}

    /**
     * Gray weighs red, green and blue by 0.299, 0.587 and 0.114.
     *
     * @param value an image
     * @param context not used
     * @param source what the channels are: {@code RGB}, {@code BGR} or {@code GRAY}
     * @param target what they shall be
     */
    public static Object apply(Object value, Context context, String source, String target) {
        NdArray image = Values.image(value);
        int channels = source.equals("GRAY") ? 1 : 3;
        if (image.dim(2) != channels) {
            throw new ContractException(source + " has " + channels + " channels, and the image " + image.dim(2));
        }
        if (source.equals(target)) {
            return image;
        }
        if (target.equals("GRAY")) {
            return gray(image, source.equals("RGB"));
        }
        int pixels = image.dim(0) * image.dim(1);
        int[] places = new int[pixels * 3];
        for (int i = 0; i < places.length; i++) {
            places[i] = source.equals("GRAY") ? i / 3 : i / 3 * 3 + 2 - i % 3;
        }
        return image.gathered(places, image.dim(0), image.dim(1), 3);
    }

    private static NdArray gray(NdArray image, boolean redFirst) {
        int red = redFirst ? 0 : 2;
        int blue = 2 - red;
        int pixels = image.dim(0) * image.dim(1);
        if (image.type() == DType.FLOAT32) {
            float[] from = image.floats();
            float[] found = new float[pixels];
            for (int i = 0; i < pixels; i++) {
                found[i] = from[i * 3 + red] * 0.299f + from[i * 3 + 1] * 0.587f + from[i * 3 + blue] * 0.114f;
            }
            return NdArray.of(found, image.dim(0), image.dim(1), 1);
        }
        if (image.type() != DType.UINT8) {
            throw new ContractException("makes gray of uint8 or float32, not " + image.type().spelled());
        }
        byte[] from = (byte[]) image.data();
        byte[] found = new byte[pixels];
        for (int i = 0; i < pixels; i++) {
            int sum = (from[i * 3 + red] & 0xff) * RED + (from[i * 3 + 1] & 0xff) * GREEN
                    + (from[i * 3 + blue] & 0xff) * BLUE;
            found[i] = (byte) (sum + (1 << 14) >> 15);
        }
        return NdArray.of(found, image.dim(0), image.dim(1), 1);
    }
}
