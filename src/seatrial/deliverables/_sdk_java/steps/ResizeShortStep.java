package seatrial.steps;

import seatrial.Context;
import seatrial.NdArray;

/** {@code resize_short}: the short side to a size, ratio kept. */
public final class ResizeShortStep {
    private ResizeShortStep() {}

    /**
     * Both sides by the same factor, rounded to whole pixels.
     *
     * @param value an image
     * @param context takes the note of where the pixels went
     * @param size of the short side
     * @param interpolation {@code nearest}, {@code linear}, {@code cubic}, {@code area} or {@code lanczos}
     * @param library whose way: {@code opencv}, {@code pillow}, {@code align_corners} or {@code asymmetric}
     */
    public static Object apply(Object value, Context context, int size, String interpolation, String library) {
        NdArray image = Values.image(value);
        int side = Math.min(image.dim(0), image.dim(1));
        return Resample.toSide(image, side, size, context, interpolation, library);
    }
}
