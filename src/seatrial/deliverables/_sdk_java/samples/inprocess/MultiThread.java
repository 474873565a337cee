package seatrial.samples.inprocess;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import seatrial.Answer;
import seatrial.Pipeline;
import seatrial.inprocess.Model;
import seatrial.samples.SampleFiles;

/** Four threads that share one model: {@code seatrial.samples.inprocess.MultiThread ../.. [FILE...]}. */
public final class MultiThread {
    private MultiThread() {}

    public static void main(String[] words) throws Exception {
        Path bundle = Path.of(words[0]);
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try (Model model = new Model(bundle)) {
            Map<String, Future<Answer>> answers = new LinkedHashMap<>();
            SampleFiles.read(bundle, words, 1, Pipeline.INPUTS).forEach((name, payload) ->
                    answers.put(name, threads.submit(() -> model.predict(payload))));
            for (Map.Entry<String, Future<Answer>> each : answers.entrySet()) {
                System.out.println(each.getKey() + " " + each.getValue().get().toJson());
            }
        } finally {
            threads.shutdown();
        }
    }
}
