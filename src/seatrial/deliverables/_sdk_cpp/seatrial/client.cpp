#include "client.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <thread>

namespace seatrial {

namespace {

using Clock = std::chrono::steady_clock;

struct Kind {
    DType dtype;
    const char* name;
};

constexpr Kind kKinds[] = {
    {DType::boolean, "BOOL"}, {DType::uint8, "UINT8"},   {DType::int8, "INT8"},    {DType::uint16, "UINT16"}, {DType::int16, "INT16"},
    {DType::uint32, "UINT32"}, {DType::int32, "INT32"},  {DType::uint64, "UINT64"}, {DType::int64, "INT64"},  {DType::float16, "FP16"},
    {DType::float32, "FP32"}, {DType::float64, "FP64"}, {DType::text, "BYTES"}};

const char* protocol_name(DType dtype) {
    for (const Kind& each : kKinds)
        if (each.dtype == dtype) return each.name;
    return "";
}

DType protocol_type(const std::string& name) {
    for (const Kind& each : kKinds)
        if (name == each.name) return each.dtype;
    throw Refused("the service gives numbers of the unknown type " + name);
}

/// Numbers as they lie; texts each behind its length.
std::string raw_of(const Tensor& tensor) {
    if (tensor.dtype != DType::text) return {tensor.bytes.begin(), tensor.bytes.end()};
    std::string raw;
    for (const std::string& each : tensor.texts) {
        for (int byte = 0; byte < 4; ++byte) raw += static_cast<char>(each.size() >> (8 * byte));
        raw += each;
    }
    return raw;
}

void fill(Tensor& tensor, const std::string& raw) {
    if (tensor.dtype != DType::text) {
        if (raw.size() != tensor.bytes.size()) throw Refused("the service gave another number of bytes than its shape says");
        if (!raw.empty()) std::memcpy(tensor.bytes.data(), raw.data(), raw.size());
        return;
    }
    std::size_t at = 0;
    for (std::string& each : tensor.texts) {
        std::size_t size = 0;
        for (std::size_t byte = 0; byte < 4 && at + byte < raw.size(); ++byte) size |= static_cast<std::size_t>(static_cast<unsigned char>(raw[at + byte])) << (8 * byte);
        if (at + 4 > raw.size() || size > raw.size() - at - 4) throw Refused("the service gave texts that are cut off");
        each = raw.substr(at + 4, size);
        at += 4 + size;
    }
}

void fill_from_json(Tensor& tensor, const Value& data) {
    std::int64_t place = 0;
    const std::function<void(const Value&)> walk = [&](const Value& value) {
        if (value.is<Value::List>()) {
            for (const Value& each : value.list()) walk(each);
            return;
        }
        if (place >= tensor.size()) throw Refused("the service gave more numbers than its shape says");
        if (tensor.dtype == DType::text) {
            tensor.texts[static_cast<std::size_t>(place++)] = value.text();
            return;
        }
        const double number = value.is<bool>() ? (*value.get<bool>() ? 1 : 0) : value.number();
        with_type(tensor.dtype, [&](auto zero) { tensor.as<decltype(zero)>()[place] = static_cast<decltype(zero)>(number); });
        ++place;
    };
    walk(data);
    if (place != tensor.size()) throw Refused("the service gave fewer numbers than its shape says");
}

std::string encoded(const std::string& text) {
    static const char* const digits = "0123456789ABCDEF";
    std::string out;
    for (const char each : text) {
        const auto code = static_cast<unsigned char>(each);
        if (std::isalnum(code) || each == '-' || each == '_' || each == '.' || each == '~') {
            out += each;
        } else {
            out += {'%', digits[code >> 4], digits[code & 15]};
        }
    }
    return out;
}

/// What a refusal says, in the service's own words where it has some.
std::string reason_of(const HttpResponse& response) {
    try {
        const Value body = Value::parse(response.body);
        for (const char* key : {"error", "message", "detail"})
            if (const Value* found = body.find(key)) return found->is<std::string>() ? found->text() : found->json();
    } catch (const Error&) {
    }
    return response.body.substr(0, 300);
}

const char* picture_type(const std::vector<unsigned char>& data) {
    if (data.size() > 3 && data[0] == 0x89) return "image/png";
    if (data.size() > 3 && data[0] == 0xff && data[1] == 0xd8) return "image/jpeg";
    return data.size() > 3 && data[0] == 'B' ? "image/bmp" : "application/octet-stream";
}

}  // namespace

Client::Client(std::string url, Options options) : url_(std::move(url)), options_(std::move(options)) {
    while (!url_.empty() && url_.back() == '/') url_.pop_back();
}

std::string Client::model_path() const {
    return "/v2/models/" + encoded(options_.model) + (options_.version.empty() ? "" : "/versions/" + encoded(options_.version));
}

HttpResponse Client::call(const std::string& method, const std::string& path, const Headers& headers, const std::string& body) const {
    const Clock::time_point deadline = Clock::now() + options_.timeout;
    const auto left = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()); };
    Headers all = headers;
    if (!options_.api_key.empty()) all.emplace_back("Authorization", "Bearer " + options_.api_key);
    std::string why;
    for (int attempt = 0;; ++attempt) {
        std::chrono::milliseconds pause = options_.pause * (1 << std::min(attempt, 10));
        try {
            const HttpResponse response = exchange(method, url_ + path, all, body, left());
            if (response.status < 400) return response;
            why = url_ + path + " refuses with " + std::to_string(response.status) + ": " + reason_of(response);
            if (response.status != 503 && response.status != 429) throw Refused(why);
            const auto asked = response.headers.find("retry-after");
            if (asked != response.headers.end()) pause = std::max(pause, std::chrono::milliseconds(static_cast<long>(1000 * std::atof(asked->second.c_str()))));
        } catch (const Unavailable& error) {
            why = error.what();
        }
        if (attempt >= options_.retries || pause >= left())
            throw Unavailable(why, "is the service running? tried " + std::to_string(attempt + 1) + " times");
        std::this_thread::sleep_for(pause);
    }
}

bool Client::ready() const {
    try {
        return exchange("GET", url_ + model_path() + "/ready", {}, "", options_.timeout).status == 200;
    } catch (const Unavailable&) {
        return false;
    }
}

Value Client::metadata() const { return Value::parse(call("GET", model_path(), {}, "").body); }

std::vector<Tensor> Client::infer(const Feeds& feeds) const {
    check_feeds(inputs(), feeds);
    Value::List said;
    std::string tail;
    for (const auto& [name, tensor] : feeds) {
        const std::string raw = raw_of(tensor);
        Value::List shape(tensor.shape.begin(), tensor.shape.end());
        said.emplace_back(Value::Map{{"name", name}, {"datatype", protocol_name(tensor.dtype)}, {"shape", std::move(shape)},
                                     {"parameters", Value::Map{{"binary_data_size", static_cast<std::int64_t>(raw.size())}}}});
        tail += raw;
    }
    const std::string head = Value(Value::Map{{"inputs", std::move(said)}, {"parameters", Value::Map{{"binary_data_output", true}}}}).json();
    const HttpResponse response = call("POST", model_path() + "/infer",
                                       {{"Content-Type", "application/octet-stream"}, {"Inference-Header-Content-Length", std::to_string(head.size())}}, head + tail);
    const auto length = response.headers.find("inference-header-content-length");
    const std::size_t size = length == response.headers.end() ? response.body.size() : std::min<std::size_t>(response.body.size(), std::strtoul(length->second.c_str(), nullptr, 10));
    const Value read = Value::parse(response.body.substr(0, size));
    std::vector<Tensor> tensors;
    std::size_t at = size;
    for (const Value& each : read.at("outputs").list()) {
        Shape shape;
        for (const Value& side : each.at("shape").list()) shape.push_back(static_cast<std::int64_t>(side.number()));
        Tensor tensor(protocol_type(each.at("datatype").text()), shape);
        const Value* parameters = each.find("parameters");
        const Value* bytes = parameters ? parameters->find("binary_data_size") : nullptr;
        if (bytes) {
            const auto count = static_cast<std::size_t>(bytes->number());
            if (at + count > response.body.size()) throw Refused("the service's response is cut off");
            fill(tensor, response.body.substr(at, count));
            at += count;
        } else {
            fill_from_json(tensor, each.at("data"));
        }
        tensors.push_back(std::move(tensor));
    }
    return tensors;
}

Answer Client::predict(const Value& payload) const {
    Prepared sample = prepare(payload);
    return to_answer(answer_of(infer(sample.feeds), 0, sample.context));
}

Answer Client::predict_remote(const Value& payload) const {
    std::string body, type;
    if (const auto* bytes = payload.get<Bytes>()) {
        body.assign(bytes->data.begin(), bytes->data.end());
        type = picture_type(bytes->data);
    } else {
        Value::Map said;
        if (payload.is<std::string>())
            said.emplace_back("text", payload);
        else if (payload.is<Tensor>())
            said.emplace_back("inputs", Value::Map{{inputs()[0].name, payload}});
        else
            said.emplace_back("inputs", payload);
        body = Value(said).json();
        type = "application/json";
    }
    const std::string version = options_.version.empty() ? "" : "/versions/" + encoded(options_.version);
    const HttpResponse response = call("POST", "/v1/models/" + encoded(options_.model) + version + "/predict", {{"Content-Type", type}}, body);
    return to_answer(Value::parse(response.body));
}

}  // namespace seatrial
