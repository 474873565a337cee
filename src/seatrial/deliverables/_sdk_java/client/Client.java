package seatrial.client;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLConnection;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import seatrial.Answer;
import seatrial.ContractException;
import seatrial.Json;
import seatrial.NdArray;
import seatrial.SeatrialException;

/**
 * Asks a server of the Open Inference Protocol v2, and the predict endpoint of {@code seatrial serve}.
 *
 * <p>One client serves any number of threads. A question is put again when the server is busy (503, 429) or the
 * connection breaks: inference changes nothing, so that asking twice is safe. All tries together keep to the deadline.
 */
public final class Client {
    private static final String HEADER_LENGTH = "Inference-Header-Content-Length";
    private static final double FIRST_PAUSE = 0.1; // seconds; doubles, and a random part of it is waited
    private static final double LONGEST_PAUSE = 5;

    private final String address;
    private final Options options;
    private final HttpClient http;

    /**
     * @param address such as {@code http://127.0.0.1:8000}
     * @param options how to ask
     */
    public Client(String address, Options options) {
        if (!address.startsWith("http://") && !address.startsWith("https://")) {
            throw new ContractException("'" + address + "' is no address", "such as http://127.0.0.1:8000");
        }
        this.address = address.replaceAll("/+$", "");
        this.options = options;
        this.http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(options.timeout()).build();
    }

    /** @param address such as {@code http://127.0.0.1:8000} */
    public Client(String address) {
        this(address, Options.usual());
    }

    /** Whether the server, or one model, is ready; an empty name asks for the server. */
    public boolean ready(String model) {
        try {
            ask(0, left -> get(model.isEmpty() ? "/v2/health/ready" : path(model) + "/ready"));
            return true;
        } catch (ServerException error) {
            if (error.mayBeAskedAgain()) {
                return false;
            }
            throw error;
        }
    }

    /** What the server, or one model, says about itself; an empty name asks for the server. */
    @SuppressWarnings("unchecked")
    public Map<String, Object> metadata(String model) {
        HttpResponse<byte[]> reply = ask(options.retries(), left -> get(model.isEmpty() ? "/v2" : path(model)));
        return (Map<String, Object>) json(reply);
    }

    /**
     * Tensors in, tensors out, as raw bytes.
     *
     * @param model its name
     * @param inputs arrays by input name, batch axis first
     */
    public Inference infer(String model, Map<String, NdArray> inputs) {
        return infer(model, inputs, true);
    }

    /**
     * Tensors in, tensors out.
     *
     * @param model its name
     * @param inputs arrays by input name, batch axis first
     * @param binary raw bytes, which are smaller and faster; JSON for servers without the binary extension
     */
    public Inference infer(String model, Map<String, NdArray> inputs, boolean binary) {
        HttpResponse<byte[]> reply = ask(options.retries(), left -> {
            Tensors.Body body = Tensors.write(inputs, Math.max(1, left.toNanos() / 1000), binary);
            HttpRequest.Builder request = post(path(model) + "/infer", body.body());
            return binary
                    ? request.header(HEADER_LENGTH, Integer.toString(body.header()))
                            .header("Content-Type", "application/octet-stream")
                    : request.header("Content-Type", "application/json");
        });
        try {
            return Tensors.read(reply.body(), reply.headers().firstValue(HEADER_LENGTH).map(Integer::parseInt).orElse(-1));
        } catch (ContractException | ClassCastException | NullPointerException | IndexOutOfBoundsException error) {
            throw new ServerException(reply.statusCode(), "the server's answer breaks the protocol: " + error.getMessage());
        }
    }

    /** A file, such as a picture, to the answer of the contract; it travels as a form. */
    public Answer predict(String model, Path file) {
        try {
            String kind = URLConnection.guessContentTypeFromName(file.getFileName().toString());
            return predict(model, Files.readAllBytes(file), kind == null ? "application/octet-stream" : kind);
        } catch (IOException error) {
            throw new ContractException("the file '" + file + "' cannot be read", "name a file that can be read");
        }
    }

    /** The bytes of a file, such as a picture; they travel as a form. */
    public Answer predict(String model, byte[] file, String kind) {
        String boundary = "seatrial-" + UUID.randomUUID();
        String head = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"sample\"\r\n"
                + "Content-Type: " + kind + "\r\n\r\n";
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.writeBytes(head.getBytes(StandardCharsets.UTF_8));
        body.writeBytes(file);
        body.writeBytes(("\r\n--" + boundary + "--\r\n").getBytes(StandardCharsets.UTF_8));
        return answer(model, "multipart/form-data; boundary=" + boundary, body.toByteArray());
    }

    /** A text to the answer of the contract. */
    public Answer predictText(String model, String text) {
        return answer(model, "text/plain; charset=utf-8", text.getBytes(StandardCharsets.UTF_8));
    }

    /** Arrays or nested lists by input name, one sample without a batch axis, as JSON. */
    public Answer predictInputs(String model, Map<String, ?> inputs) {
        byte[] body = Json.write(Map.of("inputs", inputs)).getBytes(StandardCharsets.UTF_8);
        return answer(model, "application/json", body);
    }

    /**
     * Any payload that a pipeline starts from, in the form that suits it.
     *
     * @param model its name
     * @param payload {@code byte[]} or {@code Path} of a file, {@code String}, {@code NdArray}, or a {@code Map} of
     *     arrays by input name
     * @param input name of the model's input, for a single array
     */
    public Answer predictPayload(String model, Object payload, String input) {
        if (payload instanceof byte[] file) {
            return predict(model, file, "application/octet-stream");
        }
        if (payload instanceof Path file) {
            return predict(model, file);
        }
        if (payload instanceof String text) {
            return predictText(model, text);
        }
        if (payload instanceof Map<?, ?> map) {
            Map<String, Object> inputs = new LinkedHashMap<>();
            map.forEach((name, value) -> inputs.put(String.valueOf(name), value));
            return predictInputs(model, inputs);
        }
        return predictInputs(model, Map.of(input, payload));
    }

    private Answer answer(String model, String kind, byte[] body) {
        String path = "/v1/models/" + quoted(model) + "/predict";
        return new Answer(json(ask(options.retries(), left -> post(path, body).header("Content-Type", kind))));
    }

    private HttpRequest.Builder get(String path) {
        return HttpRequest.newBuilder(URI.create(address + path)).GET();
    }

    private HttpRequest.Builder post(String path, byte[] body) {
        return HttpRequest.newBuilder(URI.create(address + path)).POST(BodyPublishers.ofByteArray(body));
    }

    private static String path(String model) {
        return "/v2/models/" + quoted(model);
    }

    private static String quoted(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /** Tries until there is an answer, the tries are used up, or the deadline has come. */
    private HttpResponse<byte[]> ask(int retries, Function<Duration, HttpRequest.Builder> make) {
        long until = System.nanoTime() + options.timeout().toNanos();
        double pause = FIRST_PAUSE;
        for (int remaining = retries; ; remaining--) {
            long left = until - System.nanoTime();
            double wait = pause * ThreadLocalRandom.current().nextDouble();
            try {
                HttpResponse<byte[]> reply = sent(make, Duration.ofNanos(Math.max(1, left)));
                ServerException error = refusal(reply);
                if (error == null) {
                    return reply;
                }
                if (!error.mayBeAskedAgain() || remaining <= 0) {
                    throw error;
                }
                wait = Math.max(wait, retryAfter(reply));
            } catch (HttpTimeoutException error) {
                throw new ServerException(408, "the deadline passed before the server answered");
            } catch (IOException error) {
                if (remaining <= 0) {
                    String why = error instanceof ConnectException ? "nobody listens there" : String.valueOf(error.getMessage());
                    throw new ServerException(0, "the server " + address + " does not answer: " + why);
                }
            }
            if (System.nanoTime() + wait * 1e9 >= until) {
                throw new ServerException(408, "the deadline passed before the server answered");
            }
            sleep(wait);
            pause = Math.min(2 * pause, LONGEST_PAUSE);
        }
    }

    private HttpResponse<byte[]> sent(Function<Duration, HttpRequest.Builder> make, Duration left) throws IOException {
        HttpRequest.Builder request = make.apply(left).timeout(left);
        options.headers().forEach(request::setHeader);
        if (!options.key().isEmpty()) {
            request.setHeader("Authorization", "Bearer " + options.key());
        }
        try {
            return http.send(request.build(), BodyHandlers.ofByteArray());
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new SeatrialException("interrupted while the server was asked");
        }
    }

    private static void sleep(double seconds) {
        try {
            Thread.sleep((long) (seconds * 1000));
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new SeatrialException("interrupted while the server was asked");
        }
    }

    /** Seconds that the server asks to wait; a date is not waited for. */
    private static double retryAfter(HttpResponse<byte[]> reply) {
        String told = reply.headers().firstValue("Retry-After").orElse("0");
        return told.matches("\\d{1,6}(\\.\\d+)?") ? Double.parseDouble(told) : 0;
    }

    private static ServerException refusal(HttpResponse<byte[]> reply) {
        if (reply.statusCode() < 400) {
            return null;
        }
        String told = new String(reply.body(), StandardCharsets.UTF_8);
        try {
            if (Json.read(told) instanceof Map<?, ?> map && map.containsKey("error")) {
                told = String.valueOf(map.get("error"));
            }
        } catch (ContractException error) {
            told = told.substring(0, Math.min(200, told.length())); // no JSON: as it is
        }
        return new ServerException(reply.statusCode(), "the server says: " + told + " (HTTP " + reply.statusCode() + ")");
    }

    private static Object json(HttpResponse<byte[]> reply) {
        try {
            return Json.read(new String(reply.body(), StandardCharsets.UTF_8));
        } catch (ContractException error) {
            throw new ServerException(reply.statusCode(), "the server's answer is no JSON: " + error.getMessage());
        }
    }
}
