package seatrial;

import java.util.List;
import java.util.Map;

/**
 * What the model says about one sample, as the contract's output schema has it.
 *
 * @param value plain data: {@code Map}, {@code List}, {@code String}, {@code Long}, {@code Double}, {@code Boolean}
 *     or null
 */
public record Answer(Object value) {
    /** The answer by field, such as {@code class} or {@code boxes}. */
    @SuppressWarnings("unchecked")
    public Map<String, Object> fields() {
        if (!(value instanceof Map)) {
            throw new ContractException("this answer has no fields; read value()");
        }
        return (Map<String, Object>) value;
    }

    /** One field as text. */
    public String text(String field) {
        return String.valueOf(fields().get(field));
    }

    /** One field as a number. */
    public double number(String field) {
        if (fields().get(field) instanceof Number found) {
            return found.doubleValue();
        }
        throw new ContractException("the answer has no number '" + field + "'");
    }

    /** One field as a list. */
    public List<?> list(String field) {
        if (fields().get(field) instanceof List<?> found) {
            return found;
        }
        throw new ContractException("the answer has no list '" + field + "'");
    }

    /** The answer as JSON. */
    public String toJson() {
        return Json.write(value);
    }
}
