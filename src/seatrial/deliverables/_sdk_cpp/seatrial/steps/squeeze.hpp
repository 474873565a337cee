// Drops axes of size 1.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct SqueezeOptions {
    Integers axes;
};

/// An axis of another size is refused: dropping it would drop values.
inline Value squeeze(const Value& value, Context&, const SqueezeOptions& options) {
    Tensor array = as_array(value);
    std::vector<bool> dropped(array.shape.size());
    for (const std::int64_t axis : options.axes) dropped[static_cast<std::size_t>(axis_of(array, axis))] = true;
    Shape shape;
    for (std::size_t place = 0; place < array.shape.size(); ++place) {
        if (!dropped[place])
            shape.push_back(array.shape[place]);
        else if (array.shape[place] != 1)
            throw ContractViolation("axis " + std::to_string(place) + " of shape " + text_of(array.shape) + " is not 1");
    }
    array.shape = shape;
    return array;
}

}  // namespace seatrial::steps
