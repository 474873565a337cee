package seatrial.steps;

import java.util.ArrayList;
import java.util.List;
import seatrial.Context;

/** {@code tokenize_chars}: cuts text into characters. */
public final class TokenizeCharsStep {
    private TokenizeCharsStep() {}

    /**
     * Text into its characters; one beyond 16 bits is one character.
     *
     * @param value text
     * @param context not used
     * @param lower whether in lower case
     * @param spaces whether white space counts
     * @param form Unicode normalization that comes first: {@code NFC}, {@code NFD}, {@code NFKC}, {@code NFKD} or null
     */
    public static Object apply(Object value, Context context, boolean lower, boolean spaces, String form) {
        List<String> found = new ArrayList<>();
        Text.of(value, form, lower).codePoints().forEach(each -> {
            if (spaces || !Text.isSpace(each)) {
                found.add(Character.toString(each));
            }
        });
        return found;
    }
}
