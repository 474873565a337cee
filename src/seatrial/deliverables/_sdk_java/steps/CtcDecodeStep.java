package seatrial.steps;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.Names;
import seatrial.NdArray;

/** {@code ctc_decode}: CTC scores into text and confidence. */
public final class CtcDecodeStep {
    private CtcDecodeStep() {}

    /**
     * Scores [time, classes] into {@code text} and {@code confidence}, the mean of the kept maxima.
     *
     * @param value scores by time and class
     * @param context has the dictionary as its labels
     * @param blank class index of the blank; -1 is the last one
     * @param space whether a space stands behind the dictionary
     * @param merge one character for the same class at places that follow each other, as CTC is defined
     */
    public static Object apply(Object value, Context context, int blank, boolean space, boolean merge) {
        NdArray scores = Values.array(value, 2, "scores by time and class");
        List<String> characters = alphabet(context.labels(), blank, space);
        int classes = scores.dim(1);
        if (classes != characters.size()) {
            throw new ContractException(
                    "the model gives " + classes + " classes, and the dictionary makes " + characters.size() + ": "
                            + context.labels().size() + " characters, a blank" + (space ? " and a space" : ""),
                    "this dictionary is not the one the model was trained with");
        }
        int empty = Math.floorMod(blank, classes);
        StringBuilder text = new StringBuilder();
        float[] kept = new float[scores.dim(0)];
        double[] wide = new double[kept.length];
        int count = 0;
        long before = -1;
        NdArray best = scores.dim(0) == 0 ? null : ArgmaxStep.along(scores, 1);
        for (int time = 0; time < scores.dim(0); time++) {
            int index = (int) best.longAt(time);
            if ((!merge || index != before) && index != empty) {
                text.append(characters.get(index));
                wide[count] = scores.at(time * classes + index);
                kept[count] = (float) wide[count];
                count++;
            }
            before = index;
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("text", text.toString());
        answer.put("confidence", count == 0 ? 0.0 : Sums.mean(scores.type().bytes() == 8 ? wide : null, kept, count));
        return answer;
    }

    /** Characters by class index: the dictionary, a space after it if wanted, the blank at its place. */
    private static List<String> alphabet(Names labels, int blank, boolean space) {
        List<String> characters = new ArrayList<>(labels.all());
        if (space) {
            characters.add(" ");
        }
        if (blank < -1 || blank > characters.size()) {
            throw new ContractException("blank " + blank + " is outside the " + (characters.size() + 1) + " classes");
        }
        characters.add(blank == -1 ? characters.size() : blank, "");
        return characters;
    }
}
