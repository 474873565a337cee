package seatrial;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON (RFC 8259) to plain data and back: {@code Map}, {@code List}, {@code String}, {@code Long}, {@code Double},
 * {@code Boolean}, null. Whole numbers beyond 64 bits become {@code Double}.
 */
public final class Json {
    private static final int DEEPEST = 200;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** Reads one document. */
    public static Object read(String text) {
        Json reader = new Json(text);
        Object value = reader.value(0);
        reader.blank();
        if (reader.at != text.length()) {
            throw reader.wrong("something follows the end");
        }
        return value;
    }

    /** Writes plain data without spaces; {@code NdArray} becomes nested lists. */
    public static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value == null || value instanceof Boolean || value instanceof Long || value instanceof Integer) {
            out.append(value);
        } else if (value instanceof Float) {
            number(new BigDecimal(value.toString()).doubleValue(), out);
        } else if (value instanceof Number number) {
            number(number.doubleValue(), out);
        } else if (value instanceof Map<?, ?> map) {
            String comma = "{";
            for (Map.Entry<?, ?> each : map.entrySet()) {
                out.append(comma);
                quoted(String.valueOf(each.getKey()), out);
                out.append(':');
                write(each.getValue(), out);
                comma = ",";
            }
            out.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof Iterable<?> list) {
            out.append('[');
            String comma = "";
            for (Object each : list) {
                out.append(comma);
                write(each, out);
                comma = ",";
            }
            out.append(']');
        } else if (value instanceof NdArray array) {
            write(Answers.nested(array), out);
        } else {
            quoted(value.toString(), out);
        }
    }

    private static void number(double value, StringBuilder out) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            throw new ContractException("JSON has no " + value);
        }
        out.append(value);
    }

    private static void quoted(String value, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < value.length(); i++) {
            char each = value.charAt(i);
            if (each == '"' || each == '\\') {
                out.append('\\').append(each);
            } else if (each < 0x20 || Character.isSurrogate(each) && !paired(value, i)) {
                out.append(String.format("\\u%04x", (int) each));
            } else {
                out.append(each);
            }
        }
        out.append('"');
    }

    private static boolean paired(String value, int i) {
        char each = value.charAt(i);
        return Character.isHighSurrogate(each)
                ? i + 1 < value.length() && Character.isLowSurrogate(value.charAt(i + 1))
                : i > 0 && Character.isHighSurrogate(value.charAt(i - 1));
    }

    private Object value(int depth) {
        if (depth > DEEPEST) {
            throw wrong("nested deeper than " + DEEPEST);
        }
        blank();
        char first = at < text.length() ? text.charAt(at) : 0;
        switch (first) {
            case '{':
                return object(depth);
            case '[':
                return list(depth);
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> found = new LinkedHashMap<>();
        at++;
        blank();
        if (taken('}')) {
            return found;
        }
        do {
            blank();
            if (at >= text.length() || text.charAt(at) != '"') {
                throw wrong("a name in quotes was expected");
            }
            String name = string();
            blank();
            if (!taken(':')) {
                throw wrong("':' was expected");
            }
            found.put(name, value(depth + 1));
            blank();
        } while (taken(','));
        if (!taken('}')) {
            throw wrong("',' or '}' was expected");
        }
        return found;
    }

    private List<Object> list(int depth) {
        List<Object> found = new ArrayList<>();
        at++;
        blank();
        if (taken(']')) {
            return found;
        }
        do {
            found.add(value(depth + 1));
            blank();
        } while (taken(','));
        if (!taken(']')) {
            throw wrong("',' or ']' was expected");
        }
        return found;
    }

    private String string() {
        StringBuilder found = new StringBuilder();
        at++;
        while (true) {
            if (at >= text.length()) {
                throw wrong("a text has no end");
            }
            char each = text.charAt(at++);
            if (each == '"') {
                return found.toString();
            }
            if (each < 0x20) {
                throw wrong("a control character in a text");
            }
            found.append(each == '\\' ? escaped() : each);
        }
    }

    private char escaped() {
        char each = at < text.length() ? text.charAt(at++) : 0;
        switch (each) {
            case '"': case '\\': case '/':
                return each;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                if (at + 4 <= text.length() && text.substring(at, at + 4).matches("[0-9a-fA-F]{4}")) {
                    at += 4;
                    return (char) Integer.parseInt(text.substring(at - 4, at), 16);
                }
                throw wrong("four hexadecimal digits were expected");
            default:
                throw wrong("no such escape");
        }
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw wrong("a value was expected");
        }
        at += word.length();
        return value;
    }

    private Number number() {
        int start = at;
        boolean whole = true;
        taken('-');
        int digits = digits();
        if (digits == 0 || digits > 1 && text.charAt(at - digits) == '0') {
            throw wrong("a value was expected");
        }
        if (taken('.')) {
            whole = false;
            if (digits() == 0) {
                throw wrong("digits were expected");
            }
        }
        if (taken('e') || taken('E')) {
            whole = false;
            if (!taken('+')) {
                taken('-');
            }
            if (digits() == 0) {
                throw wrong("digits were expected");
            }
        }
        String found = text.substring(start, at);
        if (whole && (at - start < 19 || new BigInteger(found).bitLength() < 64)) {
            return Long.valueOf(found);
        }
        return Double.valueOf(found);
    }

    private int digits() {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        return at - start;
    }

    private boolean taken(char wanted) {
        boolean there = at < text.length() && text.charAt(at) == wanted;
        at += there ? 1 : 0;
        return there;
    }

    private void blank() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private ContractException wrong(String what) {
        return new ContractException("no JSON at character " + at + ": " + what);
    }
}
