import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import seatrial.Answers;
import seatrial.Context;
import seatrial.Json;
import seatrial.Names;
import seatrial.NdArray;
import seatrial.Npy;
import seatrial.SeatrialException;

/** Runs each case of a file through one step; writes what came of it. Arrays travel as `.npy` beside the file. */
public final class StepDriver {
    private final Path folder;
    private int written;

    private StepDriver(Path folder) {
        this.folder = folder;
    }

    public static void main(String[] words) throws Exception {
        StepDriver driver = new StepDriver(Path.of(words[0]));
        List<Object> results = new ArrayList<>();
        for (Object each : (List<?>) Json.read(Files.readString(driver.folder.resolve("cases.json")))) {
            results.add(driver.ran((Map<?, ?>) each));
        }
        Files.writeString(driver.folder.resolve("results.json"), Json.write(results));
    }

    private Map<String, Object> ran(Map<?, ?> each) throws Exception {
        Context context = new Context(
                new Names(texts(each.get("labels"))), new Names(texts(each.get("vocabulary"))), folder);
        Map<String, Object> result = new LinkedHashMap<>();
        try {
            ((Map<?, ?>) each.get("notes")).forEach((name, value) -> context.notes().put((String) name, note(value)));
            Object value = applied((String) each.get("step"), value(each.get("value")), context, (Map<?, ?>) each.get("options"));
            result.put("value", told(value));
            Map<String, Object> notes = new LinkedHashMap<>();
            context.notes().forEach((name, noted) -> notes.put(name, told(noted)));
            result.put("notes", notes);
        } catch (InvocationTargetException error) {
            if (!(error.getCause() instanceof SeatrialException)) {
                error.getCause().printStackTrace();
                result.put("broken", error.getCause().toString());
            }
            result.put("refused", String.valueOf(error.getCause().getMessage()));
        }
        return result;
    }

    private static Object applied(String step, Object value, Context context, Map<?, ?> options) throws Exception {
        StringBuilder name = new StringBuilder("seatrial.steps.");
        for (String word : step.split("_")) {
            name.append(Character.toUpperCase(word.charAt(0))).append(word.substring(1));
        }
        for (Method method : Class.forName(name + "Step").getMethods()) {
            if (method.getName().equals("apply")) {
                Object[] given = new Object[method.getParameterCount()];
                given[0] = value;
                given[1] = context;
                int place = 2;
                for (Object option : options.values()) {
                    given[place] = option(option, method.getParameterTypes()[place]);
                    place++;
                }
                return method.invoke(null, given);
            }
        }
        throw new IllegalStateException(step);
    }

    private static Object option(Object option, Class<?> type) {
        if (option instanceof Number number) {
            boolean real = type == double.class || type == Double.class;
            return real ? (Object) number.doubleValue() : (Object) number.intValue();
        }
        if (option instanceof List<?> list && type == int[].class) {
            return list.stream().mapToInt(each -> ((Number) each).intValue()).toArray();
        }
        if (option instanceof List<?> && type == String[].class) {
            return texts(option).toArray(new String[0]);
        }
        if (option instanceof List<?> list) {
            return list.stream().mapToDouble(each -> ((Number) each).doubleValue()).toArray();
        }
        return option;
    }

    private static List<String> texts(Object value) {
        List<String> found = new ArrayList<>();
        ((List<?>) value).forEach(each -> found.add((String) each));
        return found;
    }

    /** Lists of numbers are pairs, as Python's tuples. */
    private Object note(Object value) {
        if (value instanceof List<?> list) {
            boolean whole = list.stream().allMatch(each -> each instanceof Long);
            return whole
                    ? list.stream().mapToInt(each -> ((Number) each).intValue()).toArray()
                    : list.stream().mapToDouble(each -> ((Number) each).doubleValue()).toArray();
        }
        return value instanceof Long number ? number.intValue() : value(value);
    }

    private Object value(Object given) {
        if (given instanceof Map<?, ?> map && map.containsKey("npy")) {
            return Npy.read(folder.resolve((String) map.get("npy")));
        }
        if (given instanceof Map<?, ?> map && map.containsKey("bytes")) {
            try {
                return Files.readAllBytes(folder.resolve((String) map.get("bytes")));
            } catch (java.io.IOException error) {
                throw new IllegalStateException(error);
            }
        }
        if (given instanceof Map<?, ?> map && map.containsKey("map")) {
            Map<String, Object> found = new LinkedHashMap<>();
            ((Map<?, ?>) map.get("map")).forEach((name, each) -> found.put((String) name, value(each)));
            return found;
        }
        if (given instanceof List<?> list) {
            List<Object> found = new ArrayList<>();
            list.forEach(each -> found.add(value(each)));
            return found;
        }
        return given;
    }

    private Object told(Object value) {
        if (value instanceof NdArray array && array.type().kind() != 'U') {
            String name = "out" + written++ + ".npy";
            try {
                Files.write(folder.resolve(name), Npy.write(array));
            } catch (java.io.IOException error) {
                throw new IllegalStateException(error);
            }
            return Map.of("npy", name);
        }
        if (value instanceof NdArray array) {
            return Map.of("texts", Answers.nested(array));
        }
        if (value instanceof int[] numbers) {
            return java.util.Arrays.stream(numbers).boxed().toList();
        }
        if (value instanceof double[] numbers) {
            return java.util.Arrays.stream(numbers).boxed().toList();
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> found = new LinkedHashMap<>();
            map.forEach((name, each) -> found.put((String) name, told(each)));
            return Map.of("map", found);
        }
        if (value instanceof List<?> list) {
            List<Object> found = new ArrayList<>();
            list.forEach(each -> found.add(told(each)));
            return found;
        }
        return value;
    }
}
