package seatrial.samples.http;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import seatrial.Answer;
import seatrial.Pipeline;
import seatrial.client.Client;
import seatrial.samples.SampleFiles;

/**
 * Four threads that share one client: {@code java -cp build seatrial.samples.http.MultiThread http://127.0.0.1:8000
 * ../.. [FILE...]}. The server joins what arrives together into batches.
 */
public final class MultiThread {
    private MultiThread() {}

    public static void main(String[] words) throws Exception {
        Client client = new Client(words[0]);
        String input = Pipeline.INPUTS.get(0).name();
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            Map<String, Future<Answer>> answers = new LinkedHashMap<>();
            SampleFiles.read(Path.of(words[1]), words, 2, Pipeline.INPUTS).forEach((name, payload) ->
                    answers.put(name, threads.submit(() -> client.predictPayload(Pipeline.NAME, payload, input))));
            for (Map.Entry<String, Future<Answer>> each : answers.entrySet()) {
                System.out.println(each.getKey() + " " + each.getValue().get().toJson());
            }
        } finally {
            threads.shutdown();
        }
    }
}
