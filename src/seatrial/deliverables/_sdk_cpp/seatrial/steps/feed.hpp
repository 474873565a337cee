// Says what goes into which input, for models with more than one.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct FeedOptions {
    std::vector<std::pair<std::string, std::string>> inputs;  ///< input and source
};

/// A list of numbers or texts, or one of them, as an array: int64, float32 or text.
inline Tensor fed(const Value& found, const std::string& source) {
    if (const auto* tensor = found.get<Tensor>()) return *tensor;
    const bool many = found.is<Value::List>();
    const Value::List all = many ? found.list() : Value::List{found};
    const Shape shape = many ? Shape{static_cast<std::int64_t>(all.size())} : Shape{};
    bool texts = true, whole = true;
    for (const Value& each : all) {
        texts = texts && each.is<std::string>();
        whole = whole && each.is<std::int64_t>();
        if (!each.is_number() && !each.is<std::string>())
            throw ContractViolation("'" + source + "' is " + found.describe() + ", not numbers or text");
    }
    if (texts && !all.empty()) {
        Tensor result(DType::text, shape);
        for (std::size_t place = 0; place < all.size(); ++place) result.texts[place] = all[place].text();
        return result;
    }
    Tensor result(whole && !all.empty() ? DType::int64 : DType::float64, shape);
    for (std::size_t place = 0; place < all.size(); ++place) {
        if (result.dtype == DType::int64)
            result.as<std::int64_t>()[place] = *all[place].get<std::int64_t>();
        else
            result.as<double>()[place] = all[place].number();
    }
    return result.dtype == DType::int64 ? result : to_float(result);
}

/// `{input: source}`; a source is `value`, `value.KEY`, or the name of a note such as `scale_factor`.
inline Value feed(const Value& value, Context& context, const FeedOptions& options) {
    Value::Map result;
    for (const auto& [name, source] : options.inputs) {
        const auto note = context.notes.find(source);
        if (source.rfind("value.", 0) == 0 && source.size() > 6) {
            const Value* found = value.find(source.substr(6));
            if (!found) throw ContractViolation("the value has no '" + source.substr(6) + "'");
            result.emplace_back(name, fed(*found, source));
        } else if (source == "value") {
            result.emplace_back(name, fed(value, source));
        } else if (note != context.notes.end()) {
            result.emplace_back(name, fed(note->second, source));
        } else {
            throw ContractViolation("there is no note '" + source + "'");
        }
    }
    return result;
}

}  // namespace seatrial::steps
