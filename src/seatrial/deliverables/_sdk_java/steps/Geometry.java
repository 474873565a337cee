package seatrial.steps;

import seatrial.ContractException;
import seatrial.Context;
import seatrial.NdArray;

/**
 * Where a pixel of the source went, so that boxes and masks can be brought back to it.
 *
 * <p>The notes hold {@code source_size} (height, width) of the decoded image, and {@code scale} (y, x) and {@code
 * offset} (y, x) such that model coordinate = source coordinate * scale + offset.
 */
public final class Geometry {
    private Geometry() {}

    /** Notes the size of the image as it was decoded. */
    public static void begin(NdArray image, Context context) {
        context.notes().put("source_size", new int[] {image.dim(0), image.dim(1)});
        context.notes().put("scale", new double[] {1.0, 1.0});
        context.notes().put("offset", new double[] {0.0, 0.0});
    }

    /** Notes that the image was stretched by these factors. */
    public static void scaled(Context context, double y, double x) {
        double[] scale = scale(context);
        double[] offset = offset(context);
        context.notes().put("scale", new double[] {scale[0] * y, scale[1] * x});
        context.notes().put("offset", new double[] {offset[0] * y, offset[1] * x});
    }

    /** Notes that the content moved by so many pixels: padding is positive, cropping negative. */
    public static void moved(Context context, double y, double x) {
        double[] offset = offset(context);
        context.notes().put("offset", new double[] {offset[0] + y, offset[1] + x});
    }

    /** Factors (y, x) from source to model coordinates. */
    public static double[] scale(Context context) {
        return (double[]) context.notes().getOrDefault("scale", new double[] {1.0, 1.0});
    }

    /** Pixels (y, x) that the source's origin lies from the model's. */
    public static double[] offset(Context context) {
        return (double[]) context.notes().getOrDefault("offset", new double[] {0.0, 0.0});
    }

    /** Whether the size of the source is known. */
    public static boolean knowsSource(Context context) {
        return context.notes().containsKey("source_size");
    }

    /** Height and width of the decoded image. */
    public static int[] sourceSize(Context context) {
        if (!knowsSource(context)) {
            throw new ContractException("the size of the source image is not known here");
        }
        return (int[]) context.notes().get("source_size");
    }
}
