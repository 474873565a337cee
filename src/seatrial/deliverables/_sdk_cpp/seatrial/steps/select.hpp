// Takes one of several outputs.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct SelectOptions {
    std::int64_t output = 0;
};

/// `output` counts from 0 in the graph's order.
inline Value select(const Value& value, Context&, const SelectOptions& options) {
    const auto* several = value.get<Value::List>();
    if (!several) throw ContractViolation("takes a list of outputs, not " + value.describe());
    if (options.output < 0 || options.output >= static_cast<std::int64_t>(several->size()))
        throw ContractViolation("there is no output " + std::to_string(options.output) + "; the model gives " +
                                std::to_string(several->size()));
    return (*several)[static_cast<std::size_t>(options.output)];
}

}  // namespace seatrial::steps
