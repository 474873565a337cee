// Changes the type of the numbers.
#pragma once

#include <limits>

#include "values.hpp"

namespace seatrial::steps {

struct CastOptions {
    std::string dtype;
};

/// Numbers that the target cannot hold are refused.
inline Value cast(const Value& value, Context&, const CastOptions& options) {
    const Tensor array = as_array(value);
    const DType target = dtype_named(options.dtype);
    if (is_float(target)) return to_float(array, target);
    if (target == DType::boolean) {
        Tensor result(target, array.shape);
        for (std::int64_t place = 0; place < array.size(); ++place)
            result.as<bool>()[place] = array.at(place) != 0;  // NaN counts as true
        return result;
    }
    with_type(target, [&](auto zero) {
        using Whole = decltype(zero);
        if constexpr (std::is_integral_v<Whole>) {
            const auto low = static_cast<double>(std::numeric_limits<Whole>::min());
            const double above = std::ldexp(1.0, std::numeric_limits<Whole>::digits);
            for (std::int64_t place = 0; place < array.size(); ++place) {
                const double number = array.at(place);
                if (!std::isfinite(number))
                    throw ContractViolation("cannot turn NaN or infinity into " + options.dtype);
                if (array.dtype != target && (number < low || number >= above))
                    throw ContractViolation(text_of(number) + " does not fit into " + options.dtype);
            }
        }
    });
    return converted(array, target);
}

}  // namespace seatrial::steps
