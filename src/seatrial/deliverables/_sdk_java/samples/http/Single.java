package seatrial.samples.http;

import java.nio.file.Path;
import java.util.Map;
import seatrial.Answer;
import seatrial.Pipeline;
import seatrial.client.Client;
import seatrial.samples.SampleFiles;

/** One sample to a server: {@code java -cp build seatrial.samples.http.Single http://127.0.0.1:8000 ../.. [FILE]}. */
public final class Single {
    private Single() {}

    public static void main(String[] words) throws Exception {
        Client client = new Client(words[0]);
        Map<String, Object> samples = SampleFiles.read(Path.of(words[1]), words, 2, Pipeline.INPUTS);
        Map.Entry<String, Object> first = samples.entrySet().iterator().next();
        Answer answer = client.predictPayload(Pipeline.NAME, first.getValue(), Pipeline.INPUTS.get(0).name());
        System.out.println(first.getKey() + " " + answer.toJson());
    }
}
