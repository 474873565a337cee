package seatrial.steps;

import java.util.Collections;
import java.util.List;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.Names;

/** The contract's vocabulary as a look-up. */
public final class Vocabulary {
    private Vocabulary() {}

    /** The vocabulary, which must be there. */
    static Names of(Context context) {
        if (context.vocabulary().isEmpty()) {
            throw new ContractException("the contract has no vocabulary");
        }
        return context.vocabulary();
    }

    /** The id of a token that must be there, such as {@code [PAD]}. */
    static int idOf(Names known, String token) {
        Integer id = known.idOf(token);
        if (id == null) {
            throw new ContractException(
                    "the vocabulary has no '" + token + "'", "is this the vocabulary of the model?");
        }
        return id;
    }

    /** Fills ids up to a length, at the {@code end} or at the {@code start}. */
    static void fill(List<Integer> ids, int filling, int length, String side) {
        List<Integer> more = Collections.nCopies(Math.max(0, length - ids.size()), filling);
        ids.addAll(side.equals("start") ? 0 : ids.size(), more);
    }
}
