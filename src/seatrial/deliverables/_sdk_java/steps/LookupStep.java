package seatrial.steps;

import java.util.ArrayList;
import java.util.List;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.Names;
import seatrial.NdArray;

/** {@code lookup}: tokens into ids. */
public final class LookupStep {
    private LookupStep() {}

    /**
     * Tokens into ids [length]; the number of ids before filling is noted as {@code length}.
     *
     * @param value a list of tokens
     * @param context has the vocabulary
     * @param unknown stands for a token that is not in the vocabulary; null: such a token is refused
     * @param maxLength more tokens are cut off; null: none
     * @param pad fills up to {@code maxLength}; null: nothing is filled up
     * @param side where the filling goes, {@code end} or {@code start}
     * @param dtype {@code int64} or {@code int32}
     */
    public static Object apply(
            Object value, Context context, String unknown, Integer maxLength, String pad, String side, String dtype) {
        if (!(value instanceof List<?> tokens) || !tokens.stream().allMatch(each -> each instanceof String)) {
            throw new ContractException("takes a list of tokens, not " + Values.describe(value));
        }
        if (maxLength != null && maxLength < 1) {
            throw new ContractException("max_length is " + maxLength + " and must be 1 or more");
        }
        Names known = Vocabulary.of(context);
        List<?> taken = maxLength == null ? tokens : tokens.subList(0, Math.min(maxLength, tokens.size()));
        List<Integer> ids = new ArrayList<>();
        for (Object each : taken) {
            Integer id = known.idOf((String) each);
            if (id == null && unknown == null) {
                throw new ContractException("'" + each + "' is not in the vocabulary");
            }
            ids.add(id != null ? id : Vocabulary.idOf(known, unknown));
        }
        context.notes().put("length", ids.size());
        if (pad != null && maxLength != null) {
            Vocabulary.fill(ids, Vocabulary.idOf(known, pad), maxLength, side);
        }
        long[] found = ids.stream().mapToLong(Integer::longValue).toArray();
        return NdArray.of(found, found.length).as(DType.named(dtype));
    }
}
