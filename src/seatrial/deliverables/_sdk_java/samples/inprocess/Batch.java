package seatrial.samples.inprocess;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import seatrial.Answer;
import seatrial.Pipeline;
import seatrial.inprocess.Model;
import seatrial.samples.SampleFiles;

/** Many samples in one call: {@code seatrial.samples.inprocess.Batch ../.. [FILE...]}. */
public final class Batch {
    private Batch() {}

    public static void main(String[] words) throws Exception {
        Path bundle = Path.of(words[0]);
        Map<String, Object> samples = SampleFiles.read(bundle, words, 1, Pipeline.INPUTS);
        List<String> names = new ArrayList<>(samples.keySet());
        try (Model model = new Model(bundle)) {
            List<Answer> answers = model.predictBatch(new ArrayList<>(samples.values()));
            for (int i = 0; i < names.size(); i++) {
                System.out.println(names.get(i) + " " + answers.get(i).toJson());
            }
        }
    }
}
