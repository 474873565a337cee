package seatrial.steps;

/** Sums in the order in which NumPy adds: pairwise in blocks, so that even the last bit agrees. */
public final class Sums {
    private static final int BLOCK = 128;
    private static final int BUFFER = 8192; // numbers that NumPy converts at a time

    private Sums() {}

    /** The mean of numbers, added in float64: those in {@code wide} where it is given, else those in {@code numbers}. */
    public static double mean(double[] wide, float[] numbers, int count) {
        return wide != null ? pairwise(wide, 0, count) / count : mean(numbers, count);
    }

    /** The sum of numbers, one after the other. */
    public static double inOrder(double[] numbers, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += numbers[i];
        }
        return sum;
    }

    /** The mean of float32 numbers, added in float64. */
    public static double mean(float[] numbers, int count) {
        double[] wide = new double[Math.min(count, BUFFER)];
        double sum = 0;
        for (int start = 0; start < count; start += BUFFER) {
            int length = Math.min(BUFFER, count - start);
            for (int i = 0; i < length; i++) {
                wide[i] = numbers[start + i];
            }
            sum += pairwise(wide, 0, length);
        }
        return sum / count;
    }

    /** The sum of numbers that lie next to each other. */
    public static double pairwise(double[] numbers, int start, int count) {
        if (count < 8) {
            double sum = -0.0;
            for (int i = 0; i < count; i++) {
                sum += numbers[start + i];
            }
            return sum;
        }
        if (count > BLOCK) {
            int half = count / 2;
            half -= half % 8;
            return pairwise(numbers, start, half) + pairwise(numbers, start + half, count - half);
        }
        double[] lanes = new double[8];
        System.arraycopy(numbers, start, lanes, 0, 8);
        int i = 8;
        for (; i < count - count % 8; i += 8) {
            for (int lane = 0; lane < 8; lane++) {
                lanes[lane] += numbers[start + i + lane];
            }
        }
        double sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
        for (; i < count; i++) {
            sum += numbers[start + i];
        }
        return sum;
    }
}
