package seatrial.steps;

import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code resize}: to a size, stretched or with its ratio kept. */
public final class ResizeStep {
    private ResizeStep() {}

    /**
     * With {@code keepRatio}, the short side reaches the smaller of the two numbers unless the long side would pass the
     * larger one; then that side decides. Notes {@code im_shape} and {@code scale_factor} as PaddleDetection's models
     * take them.
     *
     * @param value an image
     * @param context takes the notes
     * @param size height and width
     * @param keepRatio whether both sides are stretched alike
     * @param interpolation {@code nearest}, {@code linear}, {@code cubic}, {@code area} or {@code lanczos}
     * @param library whose way: {@code opencv}, {@code pillow}, {@code align_corners} or {@code asymmetric}
     */
    public static Object apply(
            Object value, Context context, int[] size, boolean keepRatio, String interpolation, String library) {
        NdArray image = Values.image(value);
        int least = Math.min(size[0], size[1]);
        int most = Math.max(size[0], size[1]);
        if (least < 1) {
            throw new ContractException("size " + size[0] + " x " + size[1] + " must be 1 or more");
        }
        int height = size[0];
        int width = size[1];
        double y = height / (double) image.dim(0);
        double x = width / (double) image.dim(1);
        if (keepRatio) {
            int large = Math.max(image.dim(0), image.dim(1));
            double factor = least / (double) Math.min(image.dim(0), image.dim(1));
            if (Math.rint(factor * large) > most) {
                factor = most / (double) large;
            }
            height = Math.max(1, (int) Math.rint(image.dim(0) * factor));
            width = Math.max(1, (int) Math.rint(image.dim(1) * factor));
            y = factor;
            x = factor;
        }
        NdArray result = Resample.to(image, height, width, context, interpolation, library);
        context.notes().put("im_shape", NdArray.of(new float[] {height, width}, 2));
        context.notes().put("scale_factor", NdArray.of(new float[] {(float) y, (float) x}, 2));
        return result;
    }
}
