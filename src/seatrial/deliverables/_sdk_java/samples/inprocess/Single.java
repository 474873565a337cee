package seatrial.samples.inprocess;

import java.nio.file.Path;
import java.util.Map;
import seatrial.Pipeline;
import seatrial.inprocess.Model;
import seatrial.samples.SampleFiles;

/** One sample in this process: {@code seatrial.samples.inprocess.Single ../.. [FILE]}. */
public final class Single {
    private Single() {}

    public static void main(String[] words) throws Exception {
        Path bundle = Path.of(words[0]);
        Map<String, Object> samples = SampleFiles.read(bundle, words, 1, Pipeline.INPUTS);
        Map.Entry<String, Object> first = samples.entrySet().iterator().next();
        try (Model model = new Model(bundle)) {
            System.out.println(first.getKey() + " " + model.predict(first.getValue()).toJson());
        }
    }
}
