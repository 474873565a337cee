// The place of the largest value.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct ArgmaxOptions {
    std::int64_t axis = -1;
};

/// Indices along `axis`, int64; the first one where several are largest.
inline Value argmax(const Value& value, Context&, const ArgmaxOptions& options) {
    const Tensor array = as_array(value);
    const std::int64_t axis = axis_of(array, options.axis);
    if (array.size() == 0) throw ContractViolation("there are no values");
    const Around part = around(array, axis);
    Shape shape = array.shape;
    shape.erase(shape.begin() + axis);
    Tensor result(DType::int64, shape);
    with_type(array.dtype, [&](auto zero) {
        const auto* from = array.as<decltype(zero)>();
        for (std::int64_t outer = 0; outer < part.outer; ++outer)
            for (std::int64_t inner = 0; inner < part.inner; ++inner)
                result.as<std::int64_t>()[outer * part.inner + inner] =
                    largest(from + outer * part.length * part.inner + inner, part.length, part.inner);
    });
    return result;
}

}  // namespace seatrial::steps
