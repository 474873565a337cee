// Proves this SDK on the golden vectors of its bundle: preprocessing, postprocessing and, with a model, all of it.
#include <cmath>
#include <functional>
#include <iostream>

#include "seatrial/answer.hpp"
#include "seatrial/files.hpp"
#include "seatrial/pipeline.hpp"
#ifdef SEATRIAL_WITH_ONNXRUNTIME
#include "seatrial/model.hpp"
#endif

using namespace seatrial;

namespace {

// Of numbers that were computed: preprocessing in float32, the model by another runtime or machine.
constexpr double kFeedTolerance = 2e-6, kAnswerTolerance = 1e-6, kModelAbsolute = 1e-4, kModelRelative = 1e-3;

/// The first difference; empty when there is none.
std::string difference(const Tensor& got, const Tensor& expected, double tolerance) {
    if (got.dtype != expected.dtype || got.shape != expected.shape)
        return Value(got).describe() + ", expected " + Value(expected).describe();
    if (got.dtype == DType::text) return got.texts == expected.texts ? "" : "other texts";
    for (std::int64_t place = 0; place < got.size(); ++place) {
        const double left = got.at(place), right = expected.at(place);
        if (!(left == right || std::fabs(left - right) <= (is_float(got.dtype) ? tolerance * std::max(1.0, std::fabs(right)) : 0)))
            return text_of(left) + " at " + std::to_string(place) + ", expected " + text_of(right);
    }
    return "";
}

/// The same of answers; whole numbers and texts must be equal.
std::string difference(const Value& got, const Value& expected, double absolute, double relative, const std::string& where = "answer") {
    if (got.is_number() && expected.is_number()) {
        const double left = got.number(), right = expected.number();
        const bool whole = got.is<std::int64_t>() && expected.is<std::int64_t>();
        if (whole ? left == right : std::fabs(left - right) <= absolute + relative * std::fabs(right)) return "";
        return where + " is " + got.json() + ", expected " + expected.json();
    }
    const auto *list = got.get<Value::List>(), *other_list = expected.get<Value::List>();
    if (list && other_list && list->size() == other_list->size()) {
        for (std::size_t place = 0; place < list->size(); ++place) {
            const std::string told = difference((*list)[place], (*other_list)[place], absolute, relative, where + "[" + std::to_string(place) + "]");
            if (!told.empty()) return told;
        }
        return "";
    }
    const auto *map = got.get<Value::Map>(), *other = expected.get<Value::Map>();
    if (map && other && map->size() == other->size()) {
        for (const auto& [key, value] : *map) {
            const Value* found = expected.find(key);
            const std::string told = found ? difference(value, *found, absolute, relative, where + "." + key) : where + " has '" + key + "', which is not expected";
            if (!told.empty()) return told;
        }
        return "";
    }
    return got.json() == expected.json() ? "" : where + " is " + got.json().substr(0, 200) + ", expected " + expected.json().substr(0, 200);
}

/// Feeds against the files of a vector.
std::string check_prepared(const Prepared& sample, const Value& vector, const std::string& folder) {
    for (const auto& [name, array] : sample.feeds) {
        const std::string told = difference(array, read_npy(folder + vector.at("feeds").at(name).text()), kFeedTolerance);
        if (!told.empty()) return "input '" + name + "' is " + told;
    }
    return "";
}

std::vector<Tensor> golden_outputs(const Value& vector, const std::string& folder) {
    std::vector<Tensor> arrays;
    for (const TensorSpec& spec : outputs()) arrays.push_back(read_npy(folder + vector.at("outputs").at(spec.name).text()));
    return arrays;
}

struct Part {
    const char* name;
    std::size_t right = 0;
};

/// Counts one proof; what went wrong is told.
void proved(Part& part, const std::string& vector, const std::function<std::string()>& proof) {
    std::string told;
    try {
        told = proof();
    } catch (const Error& error) {
        told = error.what();
    }
    if (told.empty())
        ++part.right;
    else
        std::cout << part.name << " " << vector << ": " << told << "\n";
}

}  // namespace

int main(int count, char** arguments) {
    const std::string folder = (count > 1 ? std::string(arguments[1]) : std::string("../../samples")) + "/";
    try {
        const Value read = Value::parse(read_text(folder + "vectors.json"));
        const Value::List& vectors = read.at("vectors").list();
        Part before{"preprocessing"}, after{"postprocessing"}, whole{"end-to-end"};
#ifdef SEATRIAL_WITH_ONNXRUNTIME
        const std::unique_ptr<Model> model = count > 2 ? std::make_unique<Model>(arguments[2]) : nullptr;
#endif
        for (const Value& vector : vectors) {
            const std::string name = vector.at("name").text();
            const Value payload = read_payload(folder + vector.at("payload").text());
            proved(before, name, [&] { return check_prepared(prepare(payload), vector, folder); });
            proved(after, name, [&] {
                Prepared sample = prepare(payload);
                const Value answer = answer_of(golden_outputs(vector, folder), 0, sample.context);
                return difference(Value::parse(to_answer(answer).json), vector.at("answer"), kAnswerTolerance, kAnswerTolerance);
            });
#ifdef SEATRIAL_WITH_ONNXRUNTIME
            if (model)
                proved(whole, name, [&] { return difference(Value::parse(model->predict(payload).json), vector.at("answer"), kModelAbsolute, kModelRelative); });
#endif
        }
        bool all = !vectors.empty();
        const auto report = [&](const Part& part) {
            std::cout << part.name << ": " << part.right << " of " << vectors.size() << "\n";
            all = all && part.right == vectors.size();
        };
        report(before);
        report(after);
#ifdef SEATRIAL_WITH_ONNXRUNTIME
        if (model) report(whole);
        else std::cout << whole.name << ": not asked for; name the model: golden_test SAMPLES MODEL.onnx\n";
#else
        std::cout << whole.name << ": this build has no ONNX Runtime\n";
#endif
        return all ? 0 : 1;
    } catch (const Error& error) {
        std::cerr << "error: " << error.what() << "\n" << error.hint() << "\n";
        return 2;
    }
}
