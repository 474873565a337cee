package seatrial.steps;

import java.util.List;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code note}: the last outputs into notes for a later step. */
public final class NoteStep {
    private NoteStep() {}

    /**
     * The other outputs, a single one bare.
     *
     * @param value a list of outputs
     * @param context takes the notes
     * @param names of the last outputs: {@code source_size}, {@code scale}, {@code offset}
     */
    public static Object apply(Object value, Context context, String[] names) {
        if (!(value instanceof List<?> list) || list.size() <= names.length) {
            throw new ContractException("takes more than " + names.length + " outputs, not " + Values.describe(value));
        }
        int first = list.size() - names.length;
        for (int i = 0; i < names.length; i++) {
            NdArray pair = Values.array(list.get(first + i), 1, "two numbers");
            boolean size = names[i].equals("source_size");
            if (pair.size() != 2 || size && pair.type().kind() != 'i' && pair.type().kind() != 'u') {
                throw new ContractException("'" + names[i] + "' is two numbers, whole ones for a size");
            }
            Object numbers = size
                    ? new int[] {(int) pair.longAt(0), (int) pair.longAt(1)}
                    : new double[] {pair.at(0), pair.at(1)};
            context.notes().put(names[i], numbers);
        }
        return first == 1 ? list.get(0) : List.copyOf(list.subList(0, first));
    }
}
