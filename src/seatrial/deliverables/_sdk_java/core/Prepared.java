package seatrial;

import java.util.Map;

/**
 * One sample, ready for the model.
 *
 * @param feeds arrays by input name, with a batch axis of 1 in front
 * @param context what the preprocessing noted; the postprocessing needs it
 */
public record Prepared(Map<String, NdArray> feeds, Context context) {}
