// Reorders the axes, such as height-width-channel to channel-height-width.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct TransposeOptions {
    Integers order;
};

/// Axis `order[i]` of the value becomes axis `i`; the result is contiguous.
inline Value transpose(const Value& value, Context&, const TransposeOptions& options) {
    const Tensor array = as_array(value);
    Integers sorted = options.order, all(array.shape.size());
    std::sort(sorted.begin(), sorted.end());
    std::iota(all.begin(), all.end(), 0);
    if (sorted != all)
        throw ContractViolation("order " + text_of(options.order) + " is no permutation of the axes of shape " +
                                text_of(array.shape));
    const std::size_t rank = all.size(), item = item_size(array.dtype);
    Shape strides(rank, 1), shape(rank), step(rank);
    for (std::size_t axis = rank; axis-- > 1;) strides[axis - 1] = strides[axis] * array.shape[axis];
    for (std::size_t axis = 0; axis < rank; ++axis) {
        shape[axis] = array.shape[static_cast<std::size_t>(options.order[axis])];
        step[axis] = strides[static_cast<std::size_t>(options.order[axis])];
    }
    Tensor result(array.dtype, shape);
    Shape index(rank, 0);
    std::int64_t from = 0;
    for (std::int64_t place = 0; place < result.size(); ++place) {
        std::memcpy(&result.bytes[static_cast<std::size_t>(place) * item],
                    &array.bytes[static_cast<std::size_t>(from) * item], item);
        for (std::size_t axis = rank; axis-- > 0;) {
            from += step[axis];
            if (++index[axis] < shape[axis]) break;
            from -= step[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    return result;
}

}  // namespace seatrial::steps
