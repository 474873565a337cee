// Reads the text out of a CTC head: best class at each place, repeats and blanks dropped.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct CtcDecodeOptions {
    std::int64_t blank = 0;
    bool space = true;
    bool merge = true;
};

/// Scores [time, classes] -> `{"text", "confidence"}`; confidence is the mean of the kept maxima.
inline Value ctc_decode(const Value& value, Context& context, const CtcDecodeOptions& options) {
    const Tensor scores = as_array(value, 2, "scores by time and class");
    const Strings& labels = context.names.labels;
    const auto count = static_cast<std::int64_t>(labels.size()) + (options.space ? 1 : 0);  // without the blank
    if (options.blank < -1 || options.blank > count)
        throw ContractViolation("blank " + std::to_string(options.blank) + " is outside the " +
                                std::to_string(count + 1) + " classes");
    const std::int64_t blank = options.blank == -1 ? count : options.blank;
    if (scores.shape[1] != count + 1)
        throw ContractViolation("the model gives " + std::to_string(scores.shape[1]) +
                                    " classes, and the dictionary makes " + std::to_string(count + 1),
                                "this dictionary is not the one the model was trained with");
    std::string text;
    double sum = 0;
    std::int64_t kept = 0, before = -1;
    with_type(scores.dtype, [&](auto zero) {
        const auto* row = scores.as<decltype(zero)>();
        for (std::int64_t time = 0; time < scores.shape[0]; ++time, row += scores.shape[1]) {
            const std::int64_t best = largest(row, scores.shape[1]);
            const bool begins = best != before || !options.merge;
            before = best;
            if (!begins || best == blank) continue;
            const auto place = static_cast<std::size_t>(best > blank ? best - 1 : best);
            text += place < labels.size() ? labels[place] : " ";
            sum += static_cast<double>(row[best]);
            ++kept;
        }
    });
    return Value::Map{{"text", text}, {"confidence", kept ? sum / static_cast<double>(kept) : 0.0}};
}

}  // namespace seatrial::steps
