package seatrial.client;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Answers;
import seatrial.ContractException;
import seatrial.DType;
import seatrial.Json;
import seatrial.Lists;
import seatrial.NdArray;

/** Tensors of the Open Inference Protocol v2, as JSON or with the binary extension: JSON first, raw bytes behind it. */
final class Tensors {
    private static final Map<String, DType> TYPES = new LinkedHashMap<>();

    static {
        for (DType each : DType.values()) {
            String name = each.name().replace("FLOAT", "FP");
            TYPES.put(each == DType.STRING ? "BYTES" : each == DType.BFLOAT16 ? "BF16" : name, each);
        }
    }

    private Tensors() {}

    /**
     * A request.
     *
     * @param body all of it
     * @param header bytes of JSON in front; -1 when all of it is JSON
     */
    record Body(byte[] body, int header) {}

    static Body write(Map<String, NdArray> inputs, long microseconds, boolean binary) {
        ByteArrayOutputStream raw = new ByteArrayOutputStream();
        List<Object> told = new ArrayList<>();
        inputs.forEach((name, array) -> {
            Map<String, Object> each = new LinkedHashMap<>();
            each.put("name", name);
            each.put("shape", Arrays.stream(array.shape()).boxed().toList());
            each.put("datatype", nameOf(array.type()));
            if (binary) {
                byte[] bytes = bytes(array);
                raw.writeBytes(bytes);
                each.put("parameters", Map.of("binary_data_size", bytes.length));
            } else {
                each.put("data", Answers.nested(array.reshaped(array.size())));
            }
            told.add(each);
        });
        Map<String, Object> request = new LinkedHashMap<>();
        request.put("inputs", told);
        request.put("parameters", Map.of("timeout", microseconds, "binary_data_output", binary));
        byte[] head = Json.write(request).getBytes(StandardCharsets.UTF_8);
        byte[] body = Arrays.copyOf(head, head.length + raw.size());
        System.arraycopy(raw.toByteArray(), 0, body, head.length, raw.size());
        return new Body(body, binary ? head.length : -1);
    }

    /**
     * An answer.
     *
     * @param body all of it
     * @param header bytes of JSON in front; -1 when all of it is JSON
     */
    static Inference read(byte[] body, int header) {
        int length = header < 0 ? body.length : header;
        Object document = Json.read(new String(body, 0, Math.min(length, body.length), StandardCharsets.UTF_8));
        if (!(document instanceof Map<?, ?> map) || !(map.get("outputs") instanceof List<?> outputs)) {
            throw new ContractException("the answer has no outputs");
        }
        Map<String, NdArray> found = new LinkedHashMap<>();
        int at = length;
        for (Object each : outputs) {
            Map<?, ?> told = (Map<?, ?>) each;
            DType type = TYPES.get(String.valueOf(told.get("datatype")));
            int[] shape = ((List<?>) told.get("shape")).stream().mapToInt(size -> ((Number) size).intValue()).toArray();
            Object size = told.get("parameters") instanceof Map<?, ?> given ? given.get("binary_data_size") : null;
            NdArray array;
            if (size instanceof Number count) {
                array = array(type, ByteBuffer.wrap(body, at, count.intValue()), shape);
                at += count.intValue();
            } else {
                NdArray flat = Lists.array(told.get("data"), "data");
                array = (flat.type() == DType.STRING ? flat : flat.as(type)).reshaped(shape);
            }
            found.put(String.valueOf(told.get("name")), array);
        }
        return new Inference(found, String.valueOf(map.get("model_name")), String.valueOf(map.get("model_version")));
    }

    private static String nameOf(DType type) {
        for (Map.Entry<String, DType> each : TYPES.entrySet()) {
            if (each.getValue() == type) {
                return each.getKey();
            }
        }
        throw new ContractException("the protocol has no " + type.spelled());
    }

    private static byte[] bytes(NdArray array) {
        if (array.type() != DType.STRING) {
            return array.toBytes();
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < array.size(); i++) {
            byte[] text = array.textAt(i).getBytes(StandardCharsets.UTF_8);
            out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(text.length).array());
            out.writeBytes(text);
        }
        return out.toByteArray();
    }

    private static NdArray array(DType type, ByteBuffer bytes, int[] shape) {
        bytes.order(ByteOrder.LITTLE_ENDIAN);
        if (type != DType.STRING) {
            return NdArray.fromBytes(type, bytes, shape);
        }
        String[] texts = new String[NdArray.product(shape)];
        for (int i = 0; i < texts.length; i++) {
            byte[] text = new byte[bytes.getInt()];
            bytes.get(text);
            texts[i] = new String(text, StandardCharsets.UTF_8);
        }
        return NdArray.of(texts, shape);
    }
}
