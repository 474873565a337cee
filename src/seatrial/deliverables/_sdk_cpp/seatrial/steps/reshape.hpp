// Reads the same numbers in another shape.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct ReshapeOptions {
    Integers shape;
};

/// To `shape`; one number may be -1, which is worked out. The numbers stay in their order.
inline Value reshape(const Value& value, Context&, const ReshapeOptions& options) {
    const Tensor array = as_array(value);
    Shape shape = options.shape;
    std::int64_t known = 1, open = -1;
    for (std::size_t place = 0; place < shape.size(); ++place) {
        if (shape[place] < -1 || (shape[place] == -1 && open >= 0))
            throw ContractViolation("a size is 0 or more, and at most one is -1, not " + text_of(shape));
        if (shape[place] == -1)
            open = static_cast<std::int64_t>(place);
        else
            known *= shape[place];
    }
    if (open >= 0 ? !known || array.size() % known : known != array.size())
        throw ContractViolation("shape " + text_of(array.shape) + " cannot become " + text_of(shape) + ": it holds " +
                                std::to_string(array.size()) + " numbers");
    if (open >= 0) shape[static_cast<std::size_t>(open)] = array.size() / known;
    return array.reshaped(shape);
}

}  // namespace seatrial::steps
