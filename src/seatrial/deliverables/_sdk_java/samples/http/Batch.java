package seatrial.samples.http;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import seatrial.Answer;
import seatrial.Feeds;
import seatrial.NdArray;
import seatrial.Pipeline;
import seatrial.Prepared;
import seatrial.client.Client;
import seatrial.samples.SampleFiles;

/**
 * Samples prepared here and sent as one batch of tensors (Open Inference Protocol v2, raw bytes): {@code java -cp build
 * seatrial.samples.http.Batch http://127.0.0.1:8000 ../.. [FILE...]}. Only samples of equal shapes fit one batch.
 */
public final class Batch {
    private Batch() {}

    public static void main(String[] words) throws Exception {
        Client client = new Client(words[0]);
        Path bundle = Path.of(words[1]);
        Pipeline pipeline = Pipeline.open(bundle);
        List<String> names = new ArrayList<>();
        List<Prepared> prepared = new ArrayList<>();
        for (Map.Entry<String, Object> each : SampleFiles.read(bundle, words, 2, Pipeline.INPUTS).entrySet()) {
            Prepared sample = pipeline.prepare(each.getValue());
            boolean fits = prepared.isEmpty() || pipeline.batchesFreely()
                    && Feeds.key(sample.feeds()).equals(Feeds.key(prepared.get(0).feeds()));
            if (fits) {
                names.add(each.getKey());
                prepared.add(sample);
            }
        }
        List<Map<String, NdArray>> feeds = new ArrayList<>();
        prepared.forEach(each -> feeds.add(each.feeds()));
        List<NdArray> outputs = client.infer(Pipeline.NAME, Feeds.join(feeds)).inOrder();
        for (int row = 0; row < names.size(); row++) {
            Answer answer = pipeline.answer(outputs, row, prepared.get(row).context());
            System.out.println(names.get(row) + " " + answer.toJson());
        }
    }
}
