package seatrial.steps;

import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code crop}: the middle of the image. */
public final class CropStep {
    private CropStep() {}

    /**
     * The middle of an image; an odd remainder leaves one pixel more at the lower right.
     *
     * @param value an image
     * @param context takes the note of where the content went
     * @param size height and width
     */
    public static Object apply(Object value, Context context, int[] size) {
        NdArray image = Values.image(value);
        int rows = image.dim(0);
        int columns = image.dim(1);
        if (size[0] < 1 || size[0] > rows || size[1] < 1 || size[1] > columns) {
            throw new ContractException(
                    "cannot cut " + size[0] + " x " + size[1] + " out of an image of " + rows + " x " + columns);
        }
        int top = (rows - size[0]) / 2;
        int left = (columns - size[1]) / 2;
        Geometry.moved(context, -top, -left);
        int channels = image.dim(2);
        Object made = NdArray.storage(image.type(), size[0] * size[1] * channels);
        for (int y = 0; y < size[0]; y++) {
            int from = ((top + y) * columns + left) * channels;
            System.arraycopy(image.data(), from, made, y * size[1] * channels, size[1] * channels);
        }
        return NdArray.of(image.type(), made, size[0], size[1], channels);
    }
}
