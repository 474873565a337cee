package seatrial.steps;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.Names;
import seatrial.NdArray;

/** {@code tokenize_bert}: text into the ids of BERT and ERNIE (Devlin et al., 2018). */
public final class TokenizeBertStep {
    private TokenizeBertStep() {}

    private static final int LONGEST_WORD = 100; // characters; the original gives [UNK] for longer ones

    // Blocks of CJK ideographs, each of which is a word of its own.
    private static final int[][] IDEOGRAPHS = {
        {0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
        {0x2B820, 0x2CEAF}, {0xF900, 0xFAFF}, {0x2F800, 0x2FA1F},
    };

    /**
     * Text into int64 arrays [length] by input name: ids between [CLS] and [SEP], token types, attention mask.
     *
     * @param value text
     * @param context has the vocabulary; takes the note {@code length}
     * @param lower lower case, accents stripped
     * @param form Unicode normalization before anything else, or null
     * @param ideographs each ideograph is a word of its own
     * @param special begin with [CLS], end with [SEP]
     * @param maxLength most ids, [CLS] and [SEP] included
     * @param pad fill up to {@code maxLength} with [PAD]
     * @param side where the filling goes, {@code end} or {@code start}
     * @param ids input that takes the ids
     * @param types input that takes the token types, all 0, or null
     * @param mask input that takes 1 for each id and 0 for filling, or null
     */
    public static Object apply(
            Object value, Context context, boolean lower, String form, boolean ideographs, boolean special,
            int maxLength, boolean pad, String side, String ids, String types, String mask) {
        String text = Text.of(value, form, false);
        if (maxLength < 2) {
            throw new ContractException("max_length is " + maxLength + "; [CLS] and [SEP] alone need 2");
        }
        Names known = Vocabulary.of(context);
        int unknown = Vocabulary.idOf(known, "[UNK]");
        List<Integer> pieces = new ArrayList<>();
        for (int[] word : words(text, lower, ideographs)) {
            pieces.addAll(pieces(word, known, unknown));
        }
        List<Integer> found = new ArrayList<>(pieces.subList(0, Math.min(maxLength - (special ? 2 : 0), pieces.size())));
        if (special) {
            found.add(0, Vocabulary.idOf(known, "[CLS]"));
            found.add(Vocabulary.idOf(known, "[SEP]"));
        }
        context.notes().put("length", found.size());
        List<Integer> real = new ArrayList<>(Collections.nCopies(found.size(), 1));
        if (pad) {
            Vocabulary.fill(found, Vocabulary.idOf(known, "[PAD]"), maxLength, side);
            Vocabulary.fill(real, 0, maxLength, side);
        }
        Map<String, Object> arrays = new LinkedHashMap<>();
        arrays.put(ids, array(found));
        if (types != null) {
            arrays.put(types, array(Collections.nCopies(found.size(), 0)));
        }
        if (mask != null) {
            arrays.put(mask, array(real));
        }
        return arrays;
    }

    private static NdArray array(List<Integer> numbers) {
        return NdArray.of(numbers.stream().mapToLong(Integer::longValue).toArray(), numbers.size());
    }

    /** Words and single punctuation marks, as code points; ideographs stand alone where that is wanted. */
    private static List<int[]> words(String text, boolean lower, boolean ideographs) {
        StringBuilder cleaned = new StringBuilder();
        text.codePoints().forEach(each -> clean(each, ideographs, cleaned));
        String spaced = lower ? Text.lower(Text.withoutAccents(cleaned.toString())) : cleaned.toString();
        List<int[]> found = new ArrayList<>();
        for (String word : Text.words(spaced)) {
            int[] points = word.codePoints().toArray();
            int start = 0;
            for (int place = 0; place < points.length; place++) {
                if (isPunctuation(points[place])) {
                    add(found, points, start, place);
                    add(found, points, place, place + 1);
                    start = place + 1;
                }
            }
            add(found, points, start, points.length);
        }
        return found;
    }

    private static void add(List<int[]> found, int[] points, int from, int to) {
        if (from < to) {
            found.add(java.util.Arrays.copyOfRange(points, from, to));
        }
    }

    private static void clean(int point, boolean apart, StringBuilder out) {
        int category = Character.getType(point);
        if (point == '\t' || point == '\n' || point == '\r' || category == Character.SPACE_SEPARATOR) {
            out.append(' ');
            return;
        }
        if (point == 0xfffd || category == Character.CONTROL || category == Character.FORMAT
                || category == Character.UNASSIGNED || category == Character.PRIVATE_USE
                || category == Character.SURROGATE) {
            return;
        }
        boolean alone = false;
        for (int[] block : IDEOGRAPHS) {
            alone |= apart && point >= block[0] && point <= block[1];
        }
        out.append(alone ? " " : "").appendCodePoint(point).append(alone ? " " : "");
    }

    /** ASCII marks such as {@code $} count too, though Unicode calls them symbols. */
    private static boolean isPunctuation(int point) {
        if (point < 128) {
            return point >= 33 && point <= 47 || point >= 58 && point <= 64 || point >= 91 && point <= 96
                    || point >= 123 && point <= 126;
        }
        switch (Character.getType(point)) {
            case Character.CONNECTOR_PUNCTUATION: case Character.DASH_PUNCTUATION: case Character.START_PUNCTUATION:
            case Character.END_PUNCTUATION: case Character.INITIAL_QUOTE_PUNCTUATION:
            case Character.FINAL_QUOTE_PUNCTUATION: case Character.OTHER_PUNCTUATION:
                return true;
            default:
                return false;
        }
    }

    /** Longest pieces first; [UNK] for the whole word when a part of it is not in the vocabulary. */
    private static List<Integer> pieces(int[] word, Names known, int unknown) {
        List<Integer> found = new ArrayList<>();
        int start = 0;
        while (word.length <= LONGEST_WORD && start < word.length) {
            Integer id = null;
            int end = word.length;
            while (end > start && id == null) {
                id = known.idOf((start > 0 ? "##" : "") + new String(word, start, end - start));
                end -= id == null ? 1 : 0;
            }
            if (id == null) {
                return List.of(unknown);
            }
            found.add(id);
            start = end;
        }
        return word.length > LONGEST_WORD ? List.of(unknown) : found;
    }
}
