package seatrial;

/** What goes wrong on purpose: a sentence about what happened, and a hint about what to do next. */
public class SeatrialException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient String hint;

    /**
     * @param message what happened and what was expected
     * @param hint what the caller can do about it; may be empty
     */
    public SeatrialException(String message, String hint) {
        super(hint.isEmpty() ? message : message + " (" + hint + ")");
        this.hint = hint;
    }

    /** @param message what happened and what was expected */
    public SeatrialException(String message) {
        this(message, "");
    }

    /** What the caller can do about it; may be empty. */
    public String hint() {
        return hint == null ? "" : hint;
    }
}
