// The best classes by their scores.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct TopkOptions {
    std::int64_t k = 1;
};

/// Scores [classes] -> `{"class", "index", "confidence"}` of the best, and `top`, the best `k`, if k > 1.
/// Equal scores are ordered by class index, so that the answer is the same on every runtime.
inline Value topk(const Value& value, Context& context, const TopkOptions& options) {
    const Tensor scores = as_array(value, 1, "one score a class");
    const Strings& labels = context.names.labels;
    if (scores.size() == 0) throw ContractViolation("there are no scores");
    if (!labels.empty() && static_cast<std::int64_t>(labels.size()) != scores.size())
        throw ContractViolation("the model gives " + std::to_string(scores.size()) + " scores and the contract has " +
                                    std::to_string(labels.size()) + " labels",
                                "a label is missing or too many: compare the label file with the training");
    if (options.k < 1) throw ContractViolation("k is " + std::to_string(options.k) + " and must be 1 or more");
    const Numbers numbers = scores.doubles();
    Value::List top;
    for (const std::int64_t index : best_first(numbers)) {
        if (static_cast<std::int64_t>(top.size()) == options.k) break;
        top.emplace_back(Value::Map{{"class", name_of_class(labels, index)},
                                    {"index", index},
                                    {"confidence", numbers[static_cast<std::size_t>(index)]}});
    }
    Value::Map answer = *top.front().get<Value::Map>();
    if (options.k > 1) answer.emplace_back("top", std::move(top));
    return answer;
}

}  // namespace seatrial::steps
