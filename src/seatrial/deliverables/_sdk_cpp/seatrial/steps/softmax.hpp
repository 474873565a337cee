// Turns scores into probabilities that add up to 1.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct SoftmaxOptions {
    std::int64_t axis = -1;
};

/// exp(x - max) / sum along `axis`, in float64, given back in the scores' type (at least float32).
inline Value softmax(const Value& value, Context&, const SoftmaxOptions& options) {
    const Tensor scores = as_array(value);
    const Around part = around(scores, axis_of(scores, options.axis));
    if (scores.size() == 0) throw ContractViolation("there are no scores");
    Tensor result = converted(scores, DType::float64);
    for (std::int64_t outer = 0; outer < part.outer; ++outer)
        for (std::int64_t inner = 0; inner < part.inner; ++inner) {
            double* first = result.as<double>() + outer * part.length * part.inner + inner;
            const double most = first[largest(first, part.length, part.inner) * part.inner];
            double sum = 0;
            for (std::int64_t place = 0; place < part.length; ++place) {
                double& each = first[place * part.inner];
                each = std::exp(each - most);
                sum += each;
            }
            for (std::int64_t place = 0; place < part.length; ++place) first[place * part.inner] /= sum;
        }
    return scores.dtype == DType::float64 ? result : converted(result, DType::float32);
}

}  // namespace seatrial::steps
