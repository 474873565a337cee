package seatrial;

import java.nio.file.Path;
import java.util.TreeMap;
import java.util.Map;

/** What the steps of one sample tell each other, from the first to the last. One sample, one context. */
public final class Context {
    private final Names labels;
    private final Names vocabulary;
    private final Path root;
    private final Map<String, Object> notes = new TreeMap<>();

    /**
     * @param labels the contract's label map, or the dictionary of an OCR model
     * @param vocabulary the contract's tokens, by id
     * @param root folder that relative file names start from
     */
    public Context(Names labels, Names vocabulary, Path root) {
        this.labels = labels;
        this.vocabulary = vocabulary;
        this.root = root;
    }

    /** Names by class index. */
    public Names labels() {
        return labels;
    }

    /** Tokens by id. */
    public Names vocabulary() {
        return vocabulary;
    }

    /** Folder that relative file names start from. */
    public Path root() {
        return root;
    }

    /** Facts that a later step needs: {@code source_size}, {@code scale}, {@code offset}... by name. */
    public Map<String, Object> notes() {
        return notes;
    }
}
