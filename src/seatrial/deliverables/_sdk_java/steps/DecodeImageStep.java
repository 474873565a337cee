package seatrial.steps;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** {@code decode_image}: a file, bytes or pixels into an image. */
public final class DecodeImageStep {
    private DecodeImageStep() {}

    /**
     * uint8 [height, width, 3], or [height, width, 1] for gray. Arrays are taken as pixels that already have the wanted
     * order of colors.
     *
     * @param value a {@code Path}, the name of a file, its bytes, or pixels
     * @param context takes the note of the size
     * @param color {@code RGB}, {@code BGR} or {@code GRAY}
     * @param exif turn the picture as the camera held it
     * @param alpha what lies under transparent pixels: {@code white}, {@code black}, or {@code drop} to ignore it
     * @param maxPixels more are refused before they are decoded
     */
    public static Object apply(
            Object value, Context context, String color, boolean exif, String alpha, int maxPixels) {
        NdArray image;
        if (value instanceof NdArray || value instanceof java.util.List<?>) {
            image = pixels(Values.array(value), color);
            if ((long) image.dim(0) * image.dim(1) > maxPixels) {
                throw new ContractException("the image has more than " + maxPixels + " pixels");
            }
        } else {
            byte[] bytes = bytes(value, context);
            Picture picture = Picture.decode(bytes, maxPixels).over(alpha);
            image = (exif ? picture.turned(Orientation.of(bytes)) : picture).in(color);
        }
        Geometry.begin(image, context);
        return image;
    }

    private static NdArray pixels(NdArray value, String color) {
        int channels = color.equals("GRAY") ? 1 : 3;
        NdArray image = value.rank() == 2 ? value.reshaped(value.dim(0), value.dim(1), 1) : value;
        boolean fits = image.rank() == 3 && image.dim(2) == channels && image.size() > 0;
        if (fits && image.type() == DType.INT64) {
            image = bytes(image);
        }
        if (!fits || image.type() != DType.UINT8) {
            throw new ContractException(
                    "takes pixels as uint8 [height, width, " + channels + "] for color " + color + ", not " + value);
        }
        return image;
    }

    /** Whole numbers of JSON, where they are bytes. */
    private static NdArray bytes(NdArray image) {
        for (int i = 0; i < image.size(); i++) {
            if (image.longAt(i) < 0 || image.longAt(i) > 255) {
                return image;
            }
        }
        return image.as(DType.UINT8);
    }

    private static byte[] bytes(Object value, Context context) {
        byte[] bytes;
        try {
            if (value instanceof byte[] given) {
                bytes = given;
            } else if (value instanceof Path path) {
                bytes = Files.readAllBytes(path);
            } else if (value instanceof String name) {
                bytes = Files.readAllBytes(context.root().resolve(name));
            } else {
                throw new ContractException("takes a file, bytes or pixels of an image, not " + Values.describe(value));
            }
        } catch (IOException | InvalidPathException error) {
            throw new ContractException(
                    "the image '" + value + "' cannot be read: " + error.getClass().getSimpleName());
        }
        if (bytes.length == 0) {
            throw new ContractException("the image is empty (0 bytes)");
        }
        return bytes;
    }
}
