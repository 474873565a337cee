package seatrial;

/** A payload, a tensor or a file breaks the contract of the model. */
public final class ContractException extends SeatrialException {
    private static final long serialVersionUID = 1L;

    /**
     * @param message what was given and what the contract wants
     * @param hint what to do about it; may be empty
     */
    public ContractException(String message, String hint) {
        super(message, hint);
    }

    /** @param message what was given and what the contract wants */
    public ContractException(String message) {
        super(message);
    }
}
