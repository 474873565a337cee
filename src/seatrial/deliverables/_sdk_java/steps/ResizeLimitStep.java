package seatrial.steps;

import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code resize_limit}: a side within a limit, both multiples of a number. */
public final class ResizeLimitStep {
    private ResizeLimitStep() {}

    /**
     * {@code max}: the long side at most {@code side}; {@code min}: the short side at least {@code side}; {@code long}:
     * exactly {@code side}. Then no side over {@code maxSide}, and each side to a multiple, which changes the ratio a
     * little: that is how these models were trained.
     *
     * @param value an image
     * @param context takes the note of where the pixels went
     * @param side pixels
     * @param limit {@code max}, {@code min} or {@code long}
     * @param multiple of which both sides shall be
     * @param rounding {@code nearest} multiple, or the next one {@code up}
     * @param maxSide the largest side, or null
     * @param interpolation {@code nearest}, {@code linear}, {@code cubic}, {@code area} or {@code lanczos}
     * @param library whose way: {@code opencv}, {@code pillow}, {@code align_corners} or {@code asymmetric}
     */
    public static Object apply(
            Object value, Context context, int side, String limit, int multiple, String rounding, Integer maxSide,
            String interpolation, String library) {
        NdArray image = Values.image(value);
        if (side < 1 || multiple < 1 || maxSide != null && maxSide < 1) {
            throw new ContractException("side, multiple and max_side must be 1 or more");
        }
        int small = Math.min(image.dim(0), image.dim(1));
        int large = Math.max(image.dim(0), image.dim(1));
        double factor = 1.0;
        if (limit.equals("long") || limit.equals("max") && large > side) {
            factor = side / (double) large;
        } else if (limit.equals("min") && small < side) {
            factor = side / (double) small;
        }
        int height = (int) (image.dim(0) * factor);
        int width = (int) (image.dim(1) * factor);
        if (maxSide != null && Math.max(height, width) > maxSide) {
            factor = maxSide / (double) Math.max(height, width);
            height = (int) (height * factor);
            width = (int) (width * factor);
        }
        return Resample.to(
                image, rounded(height, multiple, rounding), rounded(width, multiple, rounding), context,
                interpolation, library);
    }

    private static int rounded(int side, int multiple, String rounding) {
        int times = rounding.equals("up")
                ? (side + multiple - 1) / multiple
                : (int) Math.rint(side / (double) multiple); // ties to the even one
        return Math.max(1, times) * multiple;
    }
}
