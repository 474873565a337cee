// One number as the answer (regression).
#pragma once

#include <cstdio>
#include <cstdlib>

#include "values.hpp"

namespace seatrial::steps {

struct NumberOptions {
    double scale = 1.0;
    double offset = 0.0;
    std::optional<std::int64_t> digits;
};

/// Rounded to decimal digits by its exact value, ties to even, as Python rounds.
inline double rounded_to(double number, std::int64_t digits) {
    if (!std::isfinite(number) || digits > 300) return number;
    if (digits >= 0) {
        char text[700];
        std::snprintf(text, sizeof text, "%.*f", static_cast<int>(digits), number);
        return std::strtod(text, nullptr);
    }
    const double power = std::pow(10.0, static_cast<double>(-digits));
    return std::nearbyint(number / power) * power;
}

/// One number * `scale` + `offset`, rounded to `digits` -> `{"value"}`; undoes a target's scaling.
inline Value number(const Value& value, Context&, const NumberOptions& options) {
    const Tensor array = as_array(value, -1, "one number");
    if (array.size() != 1) throw ContractViolation("takes one number, not " + std::to_string(array.size()));
    const double scaled = array.at(0) * options.scale;
    const double found = scaled + options.offset;
    return Value::Map{{"value", options.digits ? rounded_to(found, *options.digits) : found}};
}

}  // namespace seatrial::steps
