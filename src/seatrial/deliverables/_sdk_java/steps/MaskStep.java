package seatrial.steps;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Context;
import seatrial.ContractException;
import seatrial.NdArray;

/** {@code mask}: scores by pixel into classes by pixel of the source. */
public final class MaskStep {
    private MaskStep() {}

    /**
     * Scores [classes, height, width], or class indices [height, width] or [1, height, width], into {@code mask}.
     * Padding is cut off and the rest brought back to the size of the source by nearest neighbour, so that no
     * class appears that the model did not give.
     *
     * @param value scores or class indices
     * @param context knows the size of the source and where its pixels went
     */
    public static Object apply(Object value, Context context) {
        NdArray array = Values.array(value);
        if (array.rank() == 3 && array.size() > 0) {
            array = array.dim(0) == 1 ? array.row(0) : ArgmaxStep.along(array, 0);
        }
        if (array.rank() != 2 || array.size() == 0) {
            throw new ContractException("takes scores by class, height and width, not " + array);
        }
        for (int i = 0; i < array.size(); i++) {
            double number = array.at(i);
            if (!(number >= 0 && number <= 65535 && number == Math.floor(number))) {
                throw new ContractException("takes class indices from 0 to 65535");
            }
        }
        int[] size = Geometry.sourceSize(context);
        int[] rows = part(context, 0, size[0], array.dim(0));
        int[] columns = part(context, 1, size[1], array.dim(1));
        if (rows[1] <= rows[0] || columns[1] <= columns[0]) {
            throw new ContractException("nothing of the source image is left in the model's mask");
        }
        int[] down = OpenCv.nearest(rows[1] - rows[0], size[0]);
        int[] across = OpenCv.nearest(columns[1] - columns[0], size[1]);
        List<Object> mask = new ArrayList<>(size[0]);
        for (int y = 0; y < size[0]; y++) {
            List<Object> line = new ArrayList<>(size[1]);
            for (int x = 0; x < size[1]; x++) {
                line.add(array.longAt((rows[0] + down[y]) * array.dim(1) + columns[0] + across[x]));
            }
            mask.add(line);
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("mask", mask);
        return answer;
    }

    private static int[] part(Context context, int axis, int source, int length) {
        double offset = Geometry.offset(context)[axis];
        int from = Math.max(0, (int) Math.rint(offset));
        int to = Math.max(1, (int) Math.rint(offset + source * Geometry.scale(context)[axis]));
        return new int[] {Math.min(from, length), Math.min(to, length)};
    }
}
