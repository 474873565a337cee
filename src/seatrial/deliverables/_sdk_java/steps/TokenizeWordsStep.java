package seatrial.steps;

import seatrial.Context;

/** {@code tokenize_words}: cuts text into words at white space. */
public final class TokenizeWordsStep {
    private TokenizeWordsStep() {}

    /**
     * Text into its words; punctuation stays with them.
     *
     * @param value text
     * @param context not used
     * @param lower whether in lower case
     * @param form Unicode normalization that comes first: {@code NFC}, {@code NFD}, {@code NFKC}, {@code NFKD} or null
     */
    public static Object apply(Object value, Context context, boolean lower, String form) {
        return Text.words(Text.of(value, form, lower));
    }
}
