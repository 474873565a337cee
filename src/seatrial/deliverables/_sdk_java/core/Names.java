package seatrial;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Labels, a dictionary or a vocabulary: names by index, and the index of each name. */
public final class Names {
    /** No names at all. */
    public static final Names NONE = new Names(List.of());

    private final List<String> all;
    private final Map<String, Integer> ids;

    /** @param names by index */
    public Names(List<String> names) {
        all = Collections.unmodifiableList(new ArrayList<>(names));
        ids = new HashMap<>();
        for (int i = 0; i < all.size(); i++) {
            ids.put(all.get(i), i); // where a name stands twice, the last counts
        }
    }

    /**
     * Names from a file of one name a line, checked against their fingerprint: a list that lost one line loads
     * everywhere and answers wrongly from there on.
     *
     * @param file UTF-8; lines are taken as they are, spaces included
     * @param sha256 {@code sha256:...} that the names must have; empty: not checked
     */
    public static Names read(Path file, String sha256) {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(Files.readAllBytes(file))).toString();
        } catch (CharacterCodingException error) {
            throw new ContractException("'" + file + "' is not UTF-8");
        } catch (IOException error) {
            throw new ContractException("'" + file + "' cannot be read", "give the folder of the whole bundle");
        }
        if (text.startsWith("\ufeff")) {
            text = text.substring(1);
        }
        List<String> lines = new ArrayList<>(List.of(text.replace("\r\n", "\n").split("\n", -1)));
        if (lines.get(lines.size() - 1).isEmpty()) {
            lines.remove(lines.size() - 1);
        }
        Names names = new Names(lines);
        String found = names.fingerprint();
        if (!sha256.isEmpty() && !sha256.equals(found)) {
            throw new ContractException(
                    "'" + file.getFileName() + "' is not the list of this contract: " + lines.size()
                            + " names with fingerprint " + found + ", expected " + sha256,
                    "take the file that came with the model");
        }
        return names;
    }

    /** {@code sha256:...} over the names, one a line. */
    public String fingerprint() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (String each : all) {
                digest.update((each + "\n").getBytes(StandardCharsets.UTF_8));
            }
            StringBuilder hex = new StringBuilder("sha256:");
            for (byte each : digest.digest()) {
                hex.append(String.format("%02x", each));
            }
            return hex.toString();
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error); // every Java has SHA-256
        }
    }

    /** Whether there are none. */
    public boolean isEmpty() {
        return all.isEmpty();
    }

    /** How many. */
    public int size() {
        return all.size();
    }

    /** The name of an index. */
    public String get(int index) {
        return all.get(index);
    }

    /** All names, by index. */
    public List<String> all() {
        return all;
    }

    /** The index of a name, or null. */
    public Integer idOf(String name) {
        return ids.get(name);
    }
}
