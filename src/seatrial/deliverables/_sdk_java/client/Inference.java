package seatrial.client;

import java.util.List;
import java.util.Map;
import seatrial.NdArray;

/**
 * What a model answered to tensors.
 *
 * @param outputs arrays by output name, in the model's order
 * @param model who answered
 * @param version which version of it
 */
public record Inference(Map<String, NdArray> outputs, String model, String version) {
    /** The arrays in the model's order, as the postprocessing takes them. */
    public List<NdArray> inOrder() {
        return List.copyOf(outputs.values());
    }
}
