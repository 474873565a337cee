package seatrial.steps;

import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import seatrial.ContractException;
import seatrial.NdArray;

/**
 * A decoded picture: red, green, blue and alpha of 8 bits each. The samples are taken as the file has them, because
 * Java's own conversions bend gray and ignore nothing of a color profile, which no training did.
 */
final class Picture {
    private static final String FORMATS = "use PNG, JPEG, BMP, GIF or TIFF";

    private final int height;
    private final int width;
    private final int[] argb;

    private Picture(int height, int width, int[] argb) {
        this.height = height;
        this.width = width;
        this.argb = argb;
    }

    static Picture decode(byte[] bytes, int maxPixels) {
        if (startsWith(bytes, "RIFF") || startsWith(bytes, "\0\0\0\fjP") || startsWith(bytes, "\u00ff\u004f\u00ff\u0051")) {
            throw new ContractException("Java does not decode WebP or JPEG 2000", FORMATS);
        }
        byte[] plain = JpegFile.isOne(bytes) ? JpegFile.withoutProfile(bytes) : bytes;
        try (ImageInputStream stream = new MemoryCacheImageInputStream(new ByteArrayInputStream(plain))) {
            Iterator<ImageReader> readers = ImageIO.getImageReaders(stream);
            if (!readers.hasNext()) {
                throw new ContractException("the bytes are no image of a known format", FORMATS);
            }
            ImageReader reader = readers.next();
            try {
                reader.setInput(stream, true, true);
                long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
                if (pixels > maxPixels) {
                    throw new ContractException(
                            "the image has " + reader.getWidth(0) + " x " + reader.getHeight(0)
                                    + " pixels, more than " + maxPixels,
                            "scale it down");
                }
                boolean[] cut = new boolean[1];
                reader.addIIOReadWarningListener((source, told) -> cut[0] |= told.contains("Premature end of JPEG"));
                Picture picture = of(reader.read(0));
                if (cut[0]) {
                    throw new ContractException("the image is damaged: the file is cut short");
                }
                return picture;
            } finally {
                reader.dispose();
            }
        } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException | NegativeArraySizeException
                | NullPointerException | ArithmeticException | ClassCastException | IllegalStateException error) {
            // Java's decoders raise all of these on damaged files.
            throw new ContractException("the image is damaged or of a kind that Java does not decode: " + error);
        }
    }

    private static boolean startsWith(byte[] bytes, String magic) {
        for (int i = 0; i < magic.length(); i++) {
            if (i >= bytes.length || (bytes[i] & 0xff) != magic.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private static Picture of(BufferedImage image) {
        Raster raster = image.getRaster();
        ColorModel model = image.getColorModel();
        int[] argb = new int[image.getHeight() * image.getWidth()];
        if (model instanceof ComponentColorModel && raster.getNumBands() <= 4) {
            samples(raster, argb);
        } else {
            image.getRGB(0, 0, image.getWidth(), image.getHeight(), argb, 0, image.getWidth());
        }
        return new Picture(image.getHeight(), image.getWidth(), argb);
    }

    /** Bands as they are: gray, gray and alpha, colors, colors and alpha. */
    private static void samples(Raster raster, int[] argb) {
        int bands = raster.getNumBands();
        int[] line = new int[raster.getWidth() * bands];
        int[] all = new int[argb.length * bands];
        for (int y = 0; y < raster.getHeight(); y++) {
            raster.getPixels(raster.getMinX(), raster.getMinY() + y, raster.getWidth(), 1, line);
            System.arraycopy(line, 0, all, y * line.length, line.length);
        }
        narrow(all, raster.getSampleModel().getSampleSize(0), bands);
        for (int i = 0; i < argb.length; i++) {
            int at = i * bands;
            int red = all[at];
            int green = bands >= 3 ? all[at + 1] : red;
            int blue = bands >= 3 ? all[at + 2] : red;
            int alpha = bands == 2 || bands == 4 ? all[at + bands - 1] : 255;
            argb[i] = alpha << 24 | red << 16 | green << 8 | blue;
        }
    }

    /** 16 bits to 8: gray is scaled when it needs more than 8, colors lose their lower byte. */
    private static void narrow(int[] samples, int bits, int bands) {
        if (bits <= 8) {
            return;
        }
        int most = 0;
        for (int each : samples) {
            most = Math.max(most, each);
        }
        for (int i = 0; i < samples.length; i++) {
            samples[i] = bands > 1 ? samples[i] >> 8 : most > 255 ? samples[i] / 257 : samples[i];
        }
    }

    /** Laid over {@code white} or {@code black}; {@code drop} leaves the transparency out. */
    Picture over(String ground) {
        if (ground.equals("drop")) {
            return this;
        }
        int under = ground.equals("white") ? 255 : 0;
        int[] found = new int[argb.length];
        for (int i = 0; i < found.length; i++) {
            int alpha = argb[i] >>> 24;
            int pixel = 0xff;
            for (int shift = 16; shift >= 0; shift -= 8) {
                int mixed = (argb[i] >> shift & 0xff) * alpha * 128 + under * (255 - alpha) * 128 + (0x80 << 7);
                pixel = pixel << 8 | ((mixed >> 8) + mixed >> 8) >> 7;
            }
            found[i] = pixel;
        }
        return new Picture(height, width, found);
    }

    /** Turned by an EXIF orientation, 1 to 8. */
    Picture turned(int orientation) {
        if (orientation < 2 || orientation > 8) {
            return this;
        }
        boolean swapped = orientation >= 5;
        int rows = swapped ? width : height;
        int columns = swapped ? height : width;
        boolean down = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
        boolean left = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
        int[] found = new int[argb.length];
        for (int y = 0; y < rows; y++) {
            for (int x = 0; x < columns; x++) {
                int toY = down ? rows - 1 - y : y;
                int toX = left ? columns - 1 - x : x;
                found[y * columns + x] = swapped ? argb[toX * width + toY] : argb[toY * width + toX];
            }
        }
        return new Picture(rows, columns, found);
    }

    /** As an image of these colors. */
    NdArray in(String color) {
        if (color.equals("GRAY")) {
            byte[] gray = new byte[argb.length];
            for (int i = 0; i < gray.length; i++) {
                int red = argb[i] >> 16 & 0xff;
                int green = argb[i] >> 8 & 0xff;
                int blue = argb[i] & 0xff;
                gray[i] = (byte) (red * 19595 + green * 38470 + blue * 7471 + 0x8000 >> 16);
            }
            return NdArray.of(gray, height, width, 1);
        }
        int first = color.equals("BGR") ? 0 : 16;
        byte[] found = new byte[argb.length * 3];
        for (int i = 0; i < argb.length; i++) {
            found[i * 3] = (byte) (argb[i] >> first);
            found[i * 3 + 1] = (byte) (argb[i] >> 8);
            found[i * 3 + 2] = (byte) (argb[i] >> 16 - first);
        }
        return NdArray.of(found, height, width, 3);
    }
}
