// The name of a class that the model gives as an index.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct LabelMapOptions {};

/// One index -> `{"class", "index"}`. There is no confidence: the model did not give one.
inline Value label_map(const Value& value, Context& context, const LabelMapOptions&) {
    const Tensor array = as_array(value, -1, "one class index");
    if (array.size() != 1 || array.at(0) != std::floor(array.at(0)) || !std::isfinite(array.at(0)))
        throw ContractViolation("takes one class index, not " + value.describe());
    const auto index = static_cast<std::int64_t>(array.at(0));
    return Value::Map{{"class", name_of_class(context.names.labels, index)}, {"index", index}};
}

}  // namespace seatrial::steps
