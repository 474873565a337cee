#include "model.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <onnxruntime_cxx_api.h>

namespace seatrial {

namespace {

ONNXTensorElementDataType engine_type(DType dtype) {
    switch (dtype) {
        case DType::boolean: return ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
        case DType::uint8: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
        case DType::int8: return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
        case DType::uint16: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16;
        case DType::int16: return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16;
        case DType::uint32: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32;
        case DType::int32: return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
        case DType::uint64: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64;
        case DType::int64: return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
        case DType::float16: return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
        case DType::float32: return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
        case DType::float64: return ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
        default: return ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING;
    }
}

DType own_type(ONNXTensorElementDataType kind) {
    for (const char* name : {"bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64", "string"})
        if (engine_type(dtype_named(name)) == kind) return dtype_named(name);
    throw Refused("the model gives numbers of a type that this SDK does not know");
}

Ort::Value lent(Tensor& tensor) {
    if (tensor.dtype != DType::text) {
        static const Ort::MemoryInfo memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
        return Ort::Value::CreateTensor(memory, tensor.bytes.data(), tensor.bytes.size(), tensor.shape.data(), tensor.shape.size(), engine_type(tensor.dtype));
    }
    Ort::AllocatorWithDefaultOptions allocator;
    Ort::Value value = Ort::Value::CreateTensor(allocator, tensor.shape.data(), tensor.shape.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING);
    std::vector<const char*> texts;
    for (const std::string& each : tensor.texts) texts.push_back(each.c_str());
    value.FillStringTensor(texts.data(), texts.size());
    return value;
}

Tensor copied(const Ort::Value& value) {
    const auto about = value.GetTensorTypeAndShapeInfo();
    Tensor tensor(own_type(about.GetElementType()), about.GetShape());
    if (tensor.dtype == DType::text) {
        for (std::size_t place = 0; place < tensor.texts.size(); ++place) tensor.texts[place] = value.GetStringTensorElement(place);
    } else if (!tensor.bytes.empty()) {
        std::memcpy(tensor.bytes.data(), value.GetTensorRawData(), tensor.bytes.size());
    }
    return tensor;
}

bool same_shapes(const Feeds& left, const Feeds& right) {
    if (left.size() != right.size()) return false;
    for (std::size_t place = 0; place < left.size(); ++place)
        if (left[place].first != right[place].first || left[place].second.shape != right[place].second.shape) return false;
    return true;
}

Feeds joined(const std::vector<Prepared>& samples, const std::vector<std::size_t>& places) {
    Feeds feeds = samples[places[0]].feeds;
    for (std::size_t each = 1; each < places.size(); ++each)
        for (std::size_t input = 0; input < feeds.size(); ++input) {
            Tensor& whole = feeds[input].second;
            const Tensor& more = samples[places[each]].feeds[input].second;
            whole.shape[0] += more.shape[0];
            whole.bytes.insert(whole.bytes.end(), more.bytes.begin(), more.bytes.end());
            whole.texts.insert(whole.texts.end(), more.texts.begin(), more.texts.end());
        }
    return feeds;
}

}  // namespace

struct Model::Engine {
    Ort::Env env{ORT_LOGGING_LEVEL_WARNING, "seatrial"};
    std::unique_ptr<Ort::Session> session;
    std::vector<std::string> given;  ///< output names of this file, in its order
};

Model::Model(const std::string& path, const Options& options) : options_(options) {
    if (!std::ifstream(path)) throw NotFound("there is no model '" + path + "'", "give the path of the bundle's models/onnx/*.onnx");
    setenv("ORT_DISABLE_TELEMETRY", "1", 0);  // nothing is sent home, unless the caller said otherwise
    try {
        engine_ = std::make_unique<Engine>();
        engine_->env.DisableTelemetryEvents();
        Ort::SessionOptions settings;
        if (options.threads > 0) settings.SetIntraOpNumThreads(options.threads);
        engine_->session = std::make_unique<Ort::Session>(engine_->env, path.c_str(), settings);
        Ort::AllocatorWithDefaultOptions allocator;
        for (std::size_t place = 0; place < engine_->session->GetOutputCount(); ++place)
            engine_->given.emplace_back(engine_->session->GetOutputNameAllocated(place, allocator).get());
    } catch (const Ort::Exception& error) {
        throw Refused("the model '" + path + "' cannot be loaded: " + error.what(), "run seatrial verify on the bundle");
    }
}

Model::~Model() = default;

std::vector<Tensor> Model::run(const Feeds& feeds) const {
    check_feeds(inputs(), feeds);
    Feeds own = feeds;
    std::vector<Ort::Value> values;
    std::vector<const char*> names, wanted;
    for (auto& [name, tensor] : own) {
        names.push_back(name.c_str());
        values.push_back(lent(tensor));
    }
    for (const std::string& each : engine_->given) wanted.push_back(each.c_str());
    try {
        const auto results = engine_->session->Run(Ort::RunOptions{nullptr}, names.data(), values.data(), values.size(), wanted.data(), wanted.size());
        std::vector<Tensor> tensors;
        for (const Ort::Value& each : results) tensors.push_back(copied(each));
        return tensors;
    } catch (const Ort::Exception& error) {
        throw Refused(std::string("the engine failed: ") + error.what());
    }
}

Answer Model::predict(const Value& payload) const {
    Prepared sample = prepare(payload);
    return to_answer(answer_of(run(sample.feeds), 0, sample.context));
}

std::vector<Answer> Model::predict_batch(const std::vector<Value>& payloads) const {
    std::vector<Prepared> samples;
    for (const Value& each : payloads) samples.push_back(prepare(each));
    std::vector<Answer> answers(samples.size());
    std::vector<bool> done(samples.size());
    const auto most = static_cast<std::size_t>(batches_freely() ? std::max<std::int64_t>(1, options_.most_batch) : 1);
    for (std::size_t first = 0; first < samples.size(); ++first) {
        if (done[first]) continue;
        std::vector<std::size_t> places;
        for (std::size_t each = first; each < samples.size() && places.size() < most; ++each)
            if (!done[each] && same_shapes(samples[first].feeds, samples[each].feeds)) places.push_back(each);
        const std::vector<Tensor> results = run(joined(samples, places));
        for (std::size_t row = 0; row < places.size(); ++row) {
            done[places[row]] = true;
            answers[places[row]] = to_answer(answer_of(results, static_cast<std::int64_t>(row), samples[places[row]].context));
        }
    }
    return answers;
}

}  // namespace seatrial
