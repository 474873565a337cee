// Adds an axis of size 1.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct ExpandOptions {
    std::int64_t axis = 0;
};

/// The new axis stands at `axis` of the result.
inline Value expand(const Value& value, Context&, const ExpandOptions& options) {
    Tensor array = as_array(value);
    if (options.axis < -array.rank() - 1 || options.axis > array.rank())
        throw ContractViolation("axis " + std::to_string(options.axis) + " cannot be added to shape " +
                                text_of(array.shape));
    const std::int64_t axis = options.axis < 0 ? options.axis + array.rank() + 1 : options.axis;
    array.shape.insert(array.shape.begin() + axis, 1);
    return array;
}

}  // namespace seatrial::steps
