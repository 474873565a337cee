// Runs cases of steps that a test wrote down: values from JSON and .npy files, results the same way.
#include <cstdio>
#include <fstream>

#include "files.hpp"
#include "pipeline.hpp"

using namespace seatrial;

extern const int kCaseCount;
Value run_case(int number, Value value, Context& context);

static std::string folder;

static Value loaded(const Value& value) {
    if (const Value* path = value.find("$npy")) return read_npy(folder + path->text());
    if (const Value* path = value.find("$bytes")) return Bytes{read_bytes(folder + path->text())};
    if (const auto* list = value.get<Value::List>()) {
        Value::List out;
        for (const Value& each : *list) out.push_back(loaded(each));
        return out;
    }
    if (const auto* map = value.get<Value::Map>()) {
        Value::Map out;
        for (const auto& [key, each] : *map) out.emplace_back(key, loaded(each));
        return out;
    }
    return value;
}

static Value saved(const Value& value, const std::string& stem, int& count) {
    if (const auto* tensor = value.get<Tensor>()) {
        if (tensor->dtype == DType::text) return value;
        const std::string name = stem + "." + std::to_string(count++) + ".npy";
        const auto data = npy_of(*tensor);
        std::ofstream(folder + name, std::ios::binary).write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
        return Value::Map{{"$npy", name}};
    }
    if (const auto* list = value.get<Value::List>()) {
        Value::List out;
        for (const Value& each : *list) out.push_back(saved(each, stem, count));
        return out;
    }
    if (const auto* map = value.get<Value::Map>()) {
        Value::Map out;
        for (const auto& [key, each] : *map) out.emplace_back(key, saved(each, stem, count));
        return out;
    }
    return value;
}

static Strings strings(const Value& value) {
    Strings out;
    for (const Value& each : value.list()) out.push_back(each.text());
    return out;
}

int main(int, char** arguments) {
    folder = std::string(arguments[1]) + "/";
    for (int number = 0; number < kCaseCount; ++number) {
        const std::string stem = std::to_string(number);
        const Value read = Value::parse(read_text(folder + stem + ".json"));
        const Names names(strings(read.at("labels")), strings(read.at("vocabulary")));
        Context context(names);
        const auto pair = [&](const char* name) { return Pair{read.at(name).list()[0].number(), read.at(name).list()[1].number()}; };
        if (read.find("source_size")) {
            context.begin(static_cast<std::int64_t>(pair("source_size").y), static_cast<std::int64_t>(pair("source_size").x));
            context.scaled(pair("scale").y, pair("scale").x);
            context.moved(pair("offset").y, pair("offset").x);
        }
        Value::Map result;
        int count = 0;
        try {
            result.emplace_back("value", saved(run_case(number, loaded(read.at("value")), context), stem + ".out", count));
            Value::Map notes(context.notes.begin(), context.notes.end());
            result.emplace_back("notes", saved(notes, stem + ".out", count));
        } catch (const Error& error) {
            result.emplace_back("error", std::string(error.what()));
        }
        std::ofstream(folder + stem + ".result.json") << Value(result).json();
    }
    return 0;
}
