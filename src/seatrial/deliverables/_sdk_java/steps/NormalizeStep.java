package seatrial.steps;

import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.NdArray;

/** {@code normalize}: (value * scale - mean) / std, in float32. */
public final class NormalizeStep {
    private NormalizeStep() {}

    /**
     * One mean and one std for all channels, or one for each. All of it is float32, as in the training.
     *
     * @param value an image
     * @param context not used
     * @param scale the factor that comes first
     * @param mean subtracted then
     * @param std divided by at last
     * @param order {@code HWC} or {@code CHW}: where the channels are
     */
    public static Object apply(
            Object value, Context context, double scale, double[] mean, double[] std, String order) {
        NdArray image = Values.array(value, 3, "an image");
        boolean last = order.equals("HWC");
        int channels = image.dim(last ? 2 : 0);
        float[] middle = spread(mean, channels, "mean", order);
        float[] spread = spread(std, channels, "std", order);
        for (double each : std) {
            if (each == 0) {
                throw new ContractException("std holds a zero");
            }
        }
        float[] numbers = Values.toFloat(image, DType.FLOAT32).floats();
        float[] found = new float[numbers.length];
        float factor = (float) scale;
        int plane = last ? 1 : image.dim(1) * image.dim(2);
        for (int i = 0; i < found.length; i++) {
            int channel = i / plane % channels;
            found[i] = (numbers[i] * factor - middle[channel]) / spread[channel];
        }
        return NdArray.of(found, image.shape());
    }

    private static float[] spread(double[] numbers, int channels, String name, String order) {
        if (numbers.length != 1 && numbers.length != channels) {
            throw new ContractException(
                    name + " has " + numbers.length + " numbers and the " + order + " image " + channels + " channels");
        }
        float[] found = new float[channels];
        for (int i = 0; i < channels; i++) {
            found[i] = (float) numbers[numbers.length == 1 ? 0 : i];
        }
        return found;
    }
}
