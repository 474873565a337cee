package seatrial.client;

import java.time.Duration;
import java.util.Map;

/**
 * How a client asks.
 *
 * @param timeout that one question may take, with all its tries; the server is told how much of it is left
 * @param retries further tries after the first, when the server is busy or the connection breaks
 * @param key API key, sent as {@code Authorization: Bearer}; empty: none
 * @param headers sent with every request
 */
public record Options(Duration timeout, int retries, String key, Map<String, String> headers) {
    /** 30 seconds, two further tries, no key. */
    public static Options usual() {
        return new Options(Duration.ofSeconds(30), 2, "", Map.of());
    }

    /** The same with another time. */
    public Options timeout(Duration wanted) {
        return new Options(wanted, retries, key, headers);
    }

    /** The same with another number of further tries. */
    public Options retries(int wanted) {
        return new Options(timeout, wanted, key, headers);
    }

    /** The same with an API key; take it from the environment, not from an argument that all can read. */
    public Options key(String wanted) {
        return new Options(timeout, retries, wanted, headers);
    }

    /** Without the key: it has no place in logs. */
    @Override
    public String toString() {
        return "Options[timeout=" + timeout + ", retries=" + retries + "]";
    }
}
