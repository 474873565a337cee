// Yes or no by one probability.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct ThresholdOptions {
    double at = 0.5;
};

/// The probability of class 1 (or of both) -> `{"class", "index", "confidence"}`; 1 from `at` on, else 0.
inline Value threshold(const Value& value, Context& context, const ThresholdOptions& options) {
    const Tensor scores = as_array(value, -1, "one probability");
    if (scores.size() != 1 && scores.size() != 2)
        throw ContractViolation("takes the probability of one class or of two, not " + std::to_string(scores.size()) +
                                " numbers");
    if (!(options.at >= 0 && options.at <= 1))
        throw ContractViolation("at is " + text_of(options.at) + " and must be between 0 and 1");
    const double probability = scores.at(scores.size() - 1);
    const std::int64_t index = probability >= options.at ? 1 : 0;
    return Value::Map{{"class", name_of_class(context.names.labels, index)},
                      {"index", index},
                      {"confidence", index ? probability : 1 - probability}};
}

}  // namespace seatrial::steps
