package seatrial.client;

import seatrial.SeatrialException;

/** The server refused, or gave no answer. */
public final class ServerException extends SeatrialException {
    private static final long serialVersionUID = 1L;

    private final int status;

    /**
     * @param status of HTTP; 0 when nobody answered, 408 when the deadline passed
     * @param message what happened, in the server's own words where it has some
     */
    public ServerException(int status, String message) {
        super(message);
        this.status = status;
    }

    /** Status of HTTP; 0 when nobody answered, 408 when the deadline passed. */
    public int status() {
        return status;
    }

    /** Whether the same question may be answered later: busy, broken or not there. */
    public boolean mayBeAskedAgain() {
        return status == 0 || status == 429 || status == 502 || status == 503;
    }
}
