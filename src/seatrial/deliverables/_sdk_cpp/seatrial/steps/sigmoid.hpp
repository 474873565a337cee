// Turns each score into a probability of its own.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct SigmoidOptions {};

/// 1 / (1 + exp(-x)), in float64, given back in the scores' type (at least float32).
inline Value sigmoid(const Value& value, Context&, const SigmoidOptions&) {
    const Tensor scores = as_array(value);
    Tensor result(DType::float64, scores.shape);
    for (std::int64_t place = 0; place < scores.size(); ++place)
        result.as<double>()[place] = 1 / (1 + std::exp(-scores.at(place)));
    return scores.dtype == DType::float64 ? result : converted(result, DType::float32);
}

}  // namespace seatrial::steps
