package seatrial.steps;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import seatrial.ContractException;

/** What the text steps share: text as Python sees it, before it is cut into tokens. */
public final class Text {
    private Text() {}

    private static final int SIGMA = 0x3a3;

    /** The value as text, normalized, then in lower case if wanted. */
    static String of(Object value, String form, boolean lower) {
        if (!(value instanceof String text)) {
            throw new ContractException("takes text, not " + Values.describe(value));
        }
        String normal = form == null ? text : Normalizer.normalize(text, Normalizer.Form.valueOf(form));
        return lower ? lower(normal) : normal;
    }

    /** Words between white space. */
    static List<String> words(String text) {
        List<String> found = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        text.codePoints().forEach(each -> {
            if (!isSpace(each)) {
                word.appendCodePoint(each);
            } else if (word.length() > 0) {
                found.add(word.toString());
                word.setLength(0);
            }
        });
        if (word.length() > 0) {
            found.add(word.toString());
        }
        return found;
    }

    /** White space as Python knows it; Java's own list leaves out no-break spaces. */
    static boolean isSpace(int point) {
        return point >= 0x09 && point <= 0x0d || point >= 0x1c && point <= 0x20 || point == 0x85 || point == 0xa0
                || point == 0x1680 || point >= 0x2000 && point <= 0x200a || point == 0x2028 || point == 0x2029
                || point == 0x202f || point == 0x205f || point == 0x3000;
    }

    /** Decomposed, and the marks dropped. */
    static String withoutAccents(String text) {
        StringBuilder found = new StringBuilder();
        Normalizer.normalize(text, Normalizer.Form.NFD).codePoints().forEach(each -> {
            if (Character.getType(each) != Character.NON_SPACING_MARK) {
                found.appendCodePoint(each);
            }
        });
        return found.toString();
    }

    /** Lower case by Unicode's full mapping, whatever the language of this machine. */
    static String lower(String text) {
        int[] points = text.codePoints().toArray();
        StringBuilder found = new StringBuilder();
        for (int i = 0; i < points.length; i++) {
            if (points[i] == SIGMA) {
                found.appendCodePoint(endsWord(points, i) ? 0x3c2 : 0x3c3);
            } else if (points[i] == 0x130) {
                found.append("i\u0307");
            } else {
                found.appendCodePoint(Character.toLowerCase(points[i]));
            }
        }
        return found.toString();
    }

    /** Whether a sigma is a final one: a cased letter before it, none behind (Unicode, Final_Sigma). */
    private static boolean endsWord(int[] points, int place) {
        int before = place - 1;
        while (before >= 0 && isIgnorable(points[before])) {
            before--;
        }
        int behind = place + 1;
        while (behind < points.length && isIgnorable(points[behind])) {
            behind++;
        }
        return before >= 0 && isCased(points[before]) && !(behind < points.length && isCased(points[behind]));
    }

    private static boolean isCased(int point) {
        return Character.isLowerCase(point) || Character.isUpperCase(point) || Character.isTitleCase(point);
    }

    private static boolean isIgnorable(int point) {
        switch (Character.getType(point)) {
            case Character.NON_SPACING_MARK: case Character.ENCLOSING_MARK: case Character.FORMAT:
            case Character.MODIFIER_LETTER: case Character.MODIFIER_SYMBOL:
                return true;
            default:
                return "'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a"
                        .indexOf(point) >= 0;
        }
    }
}
