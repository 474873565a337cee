package seatrial.steps;

import java.io.ByteArrayOutputStream;
import seatrial.ContractException;

/** A JPEG before it is decoded: without its color profile, which Java would apply and no training did. */
final class JpegFile {
    private JpegFile() {}

    static boolean isOne(byte[] bytes) {
        return bytes.length > 4 && (bytes[0] & 0xff) == 0xff && (bytes[1] & 0xff) == 0xd8;
    }

    static byte[] withoutProfile(byte[] bytes) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length);
        out.write(bytes, 0, 2);
        int at = 2;
        while (at + 4 <= bytes.length && (bytes[at] & 0xff) == 0xff) {
            int marker = bytes[at + 1] & 0xff;
            int length = 2 + ((bytes[at + 2] & 0xff) << 8 | bytes[at + 3] & 0xff);
            boolean frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
            if (frame && at + 9 < bytes.length && bytes[at + 9] == 4) {
                throw new ContractException("the image is a JPEG in CMYK, which Java does not decode", "save it as RGB");
            }
            if (marker == 0xda || at + length > bytes.length) {
                break;
            }
            if (marker != 0xe2) {
                out.write(bytes, at, length);
            }
            at += length;
        }
        out.write(bytes, at, bytes.length - at);
        return out.toByteArray();
    }
}
