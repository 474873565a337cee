package seatrial;

import java.util.List;

/**
 * One input or output of the model, as the contract has it.
 *
 * @param name as the graph has it
 * @param type of its numbers
 * @param shape an {@code Integer} for a fixed size, a {@code String} for a free one that is equal wherever the name
 *     recurs, {@code null} for a free one
 * @param layout axis letters such as {@code NCHW}; empty when unknown
 * @param low smallest value allowed, or null
 * @param high largest value allowed, or null
 */
public record TensorSpec(String name, DType type, List<Object> shape, String layout, Double low, Double high) {
    /** Whether the first axis may have any size. */
    public boolean batchIsFree() {
        return !shape.isEmpty() && !(shape.get(0) instanceof Integer);
    }
}
