package seatrial.steps;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** How the camera was held: the EXIF tag 274 of a JPEG, a PNG or a TIFF; 1 where there is none. */
final class Orientation {
    private static final int TAG = 0x0112;

    private Orientation() {}

    static int of(byte[] file) {
        try {
            ByteBuffer bytes = ByteBuffer.wrap(file);
            int magic = bytes.remaining() < 8 ? 0 : bytes.getInt(0);
            if (magic >>> 16 == 0xffd8) {
                return jpeg(bytes);
            }
            if (magic == 0x89504e47) {
                return png(bytes);
            }
            boolean tiff = magic == 0x49492a00 || magic == 0x4d4d002a;
            return tiff ? tiff(bytes) : 1;
        } catch (IndexOutOfBoundsException | IllegalArgumentException error) {
            return 1; // a damaged tag is no tag
        }
    }

    private static int jpeg(ByteBuffer bytes) {
        int at = 2;
        while (at + 4 <= bytes.limit() && (bytes.get(at) & 0xff) == 0xff) {
            int marker = bytes.get(at + 1) & 0xff;
            int length = bytes.getShort(at + 2) & 0xffff;
            boolean exif = marker == 0xe1 && length >= 14 && bytes.getInt(at + 4) == 0x45786966;
            if (exif) {
                return tiff(bytes.slice(at + 10, length - 8));
            }
            if (marker == 0xda) {
                return 1;
            }
            at += 2 + length;
        }
        return 1;
    }

    private static int png(ByteBuffer bytes) {
        int at = 8;
        while (at + 12 <= bytes.limit()) {
            int length = bytes.getInt(at);
            if (bytes.getInt(at + 4) == 0x65584966) {
                return tiff(bytes.slice(at + 8, length));
            }
            at += 12 + length;
        }
        return 1;
    }

    private static int tiff(ByteBuffer bytes) {
        bytes.order(bytes.get(0) == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        int at = bytes.getInt(4);
        int count = bytes.getShort(at) & 0xffff;
        for (int i = 0; i < count; i++) {
            int entry = at + 2 + i * 12;
            if ((bytes.getShort(entry) & 0xffff) == TAG) {
                return bytes.getShort(entry + 8) & 0xffff;
            }
        }
        return 1;
    }
}
