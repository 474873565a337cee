package seatrial.steps;

import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** Resampling as the two libraries do it: they disagree, and a model wants the one it was trained with. */
public final class Resample {
    private static final int LARGEST_SIDE = 16384;

    private Resample() {}

    /** Stretches an image so that {@code side} becomes {@code size} and the other follows, rounded to pixels. */
    static NdArray toSide(NdArray image, int side, int size, Context context, String interpolation, String library) {
        if (size < 1) {
            throw new ContractException("size is " + size + " and must be 1 or more");
        }
        double factor = size / (double) side;
        int height = (int) Math.max(1, Math.rint(image.dim(0) * factor));
        int width = (int) Math.max(1, Math.rint(image.dim(1) * factor));
        return to(image, height, width, context, interpolation, library);
    }

    /**
     * Stretches an image to exactly this size and notes the scale.
     *
     * @param image height, width, channels; uint8 or float32
     * @param height wanted
     * @param width wanted
     * @param context takes the note
     * @param interpolation how values between pixels are made; {@code area} is Pillow's {@code BOX}
     * @param library {@code opencv} samples the source, {@code pillow} filters it when it shrinks; {@code
     *     align_corners} and {@code asymmetric} sample on the grids that ONNX's Resize gives these names
     */
    static NdArray to(
            NdArray image, int height, int width, Context context, String interpolation, String library) {
        if (height < 1 || height > LARGEST_SIDE || width < 1 || width > LARGEST_SIDE) {
            throw new ContractException(
                    "the image would become " + height + " x " + width + "; a side is 1 to " + LARGEST_SIDE + " pixels");
        }
        if (image.type() != DType.UINT8 && image.type() != DType.FLOAT32) {
            throw new ContractException("takes an image of uint8 or float32, not " + image.type().spelled());
        }
        NdArray result;
        switch (library) {
            case "opencv":
                result = OpenCv.resize(image, height, width, interpolation);
                break;
            case "pillow":
                result = Pillow.resize(image, height, width, interpolation);
                break;
            default:
                result = Grid.resize(image, height, width, interpolation, library);
        }
        Geometry.scaled(context, height / (double) image.dim(0), width / (double) image.dim(1));
        return result;
    }
}
