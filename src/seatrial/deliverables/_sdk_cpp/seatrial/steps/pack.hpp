// Puts the outputs of a model that answers by itself into the answer.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct PackOptions {
    Strings keys;
};

/// One element of an array, from `at` on, as numbers, texts and lists of them.
inline Value unpacked(const Tensor& array, std::int64_t axis, std::int64_t& at) {
    if (axis == array.rank()) {
        const std::int64_t place = at++;
        if (array.dtype == DType::text) return array.texts[static_cast<std::size_t>(place)];
        if (array.dtype == DType::boolean) return array.at(place) != 0;
        if (is_integer(array.dtype)) return static_cast<std::int64_t>(array.at(place));
        return array.at(place);
    }
    Value::List rows;
    for (std::int64_t row = 0; row < array.shape[static_cast<std::size_t>(axis)]; ++row)
        rows.push_back(unpacked(array, axis + 1, at));
    return rows;
}

/// Output `i` becomes the part `keys[i]` of the answer; `top.index` is a part of each row of `top`.
inline Value pack(const Value& value, Context&, const PackOptions& options) {
    const auto* several = value.get<Value::List>();
    const Value::List outputs = several ? *several : Value::List{value};
    if (outputs.size() != options.keys.size())
        throw ContractViolation("takes " + std::to_string(options.keys.size()) + " outputs, not " +
                                std::to_string(outputs.size()));
    Value::Map answer;
    for (std::size_t place = 0; place < outputs.size(); ++place) {
        Value found = outputs[place];
        if (const auto* array = outputs[place].get<Tensor>()) {
            std::int64_t at = 0;
            found = unpacked(*array, 0, at);
        }
        const std::string& key = options.keys[place];
        const std::size_t dot = key.find('.');
        const std::string name = key.substr(0, dot);
        Value* rows = nullptr;
        for (auto& [known, part] : answer)
            if (known == name) rows = &part;
        if (dot == std::string::npos) {
            if (rows)
                *rows = found;
            else
                answer.emplace_back(name, found);
            continue;
        }
        const auto* parts = found.get<Value::List>();
        if (!parts) throw ContractViolation("'" + key + "' takes a row, not " + found.describe());
        if (!rows) {
            answer.emplace_back(name, Value::List(parts->size(), Value(Value::Map{})));
            rows = &answer.back().second;
        }
        auto* lines = rows->get<Value::List>();
        if (!lines || lines->size() != parts->size())
            throw ContractViolation("'" + key + "' has " + std::to_string(parts->size()) +
                                    " rows, and the parts before it another number");
        for (std::size_t row = 0; row < parts->size(); ++row)
            if (auto* line = (*lines)[row].get<Value::Map>())
                line->emplace_back(key.substr(dot + 1), (*parts)[row]);
    }
    return answer;
}

}  // namespace seatrial::steps
