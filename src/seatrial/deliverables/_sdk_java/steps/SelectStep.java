package seatrial.steps;

import java.util.List;
import seatrial.Context;
import seatrial.ContractException;

/** {@code select}: one of several outputs. */
public final class SelectStep {
    private SelectStep() {}

    /**
     * One of a list.
     *
     * @param value a list of outputs
     * @param context not used
     * @param output which one, from 0, in the graph's order
     */
    public static Object apply(Object value, Context context, int output) {
        if (!(value instanceof List<?> list)) {
            throw new ContractException("takes a list of outputs, not " + Values.describe(value));
        }
        if (output < 0 || output >= list.size()) {
            throw new ContractException("there is no output " + output + "; the model gives " + list.size());
        }
        return list.get(output);
    }
}
