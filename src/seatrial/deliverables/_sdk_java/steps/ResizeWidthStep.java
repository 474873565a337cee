package seatrial.steps;

import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code resize_width}: a fixed height, the width by the picture's ratio. */
public final class ResizeWidthStep {
    private ResizeWidthStep() {}

    /**
     * Width = ceil(height * ratio of the source), at most {@code maxWidth}; {@code pad} does the rest. Beyond {@code
     * baseWidth} the width is cut to whole pixels instead.
     *
     * @param value an image
     * @param context takes the note of where the pixels went, and {@code valid_width}
     * @param height wanted
     * @param baseWidth the standard width, or null
     * @param maxWidth the largest width, or null
     * @param interpolation {@code nearest}, {@code linear}, {@code cubic}, {@code area} or {@code lanczos}
     * @param library whose way: {@code opencv}, {@code pillow}, {@code align_corners} or {@code asymmetric}
     */
    public static Object apply(
            Object value, Context context, int height, Integer baseWidth, Integer maxWidth, String interpolation,
            String library) {
        NdArray image = Values.image(value);
        boolean base = baseWidth != null && baseWidth != 0;
        if (height < 1 || base && baseWidth < 1 || maxWidth != null && maxWidth < 1) {
            throw new ContractException("height, base_width and max_width must be 1 or more");
        }
        double exact = height * (image.dim(1) / (double) image.dim(0));
        int width = (int) Math.ceil(exact);
        if (baseWidth != null && width > baseWidth) {
            width = Math.max(baseWidth, (int) Math.floor(exact));
        }
        if (maxWidth != null) {
            width = Math.min(width, maxWidth);
        }
        context.notes().put("valid_width", width);
        return Resample.to(image, height, width, context, interpolation, library);
    }
}
