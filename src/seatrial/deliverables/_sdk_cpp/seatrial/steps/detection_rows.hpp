// Reads PaddleDetection's rows: class, score and corners.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct DetectionRowsOptions {
    double score = 0.5;
    std::string coordinates = "source";
    std::string order = "xy";
};

/// Rows [n, 6] of (class, score, x0, y0, x1, y1) -> `{"boxes", "scores", "classes"}`, best first.
inline Value detection_rows(const Value& value, Context& context, const DetectionRowsOptions& options) {
    const auto* several = value.get<Value::List>();
    const Tensor rows = as_array(several && !several->empty() ? several->front() : value, 2, "rows");
    if (rows.shape[1] != 6)
        throw ContractViolation("takes rows of (class, score, x0, y0, x1, y1), not rows of " +
                                std::to_string(rows.shape[1]) + " numbers");
    const Numbers all = rows.doubles();
    // NumPy compares with the bound in the rows' own type.
    const double least = rows.dtype == DType::float32 ? static_cast<double>(static_cast<float>(options.score)) : options.score;
    Numbers scores;
    Integers taken;
    for (std::int64_t row = 0; row < rows.shape[0]; ++row) {
        const double* at = &all[static_cast<std::size_t>(row * 6)];
        if (!(at[0] >= 0) || !(at[1] >= least)) continue;  // class -1 is filling
        taken.push_back(row);
        scores.push_back(at[1]);
    }
    const Pair scale = context.scale(), offset = context.offset();
    Value::List boxes, sorted, classes;
    for (const std::int64_t place : best_first(scores)) {
        const double* at = &all[static_cast<std::size_t>(taken[static_cast<std::size_t>(place)] * 6)];
        Value::List box;
        for (int corner = 0; corner < 4; ++corner) {
            double number = at[2 + (options.order == "xy" ? corner : corner ^ 1)];
            const bool x = corner % 2 == 0;
            if (options.coordinates == "model")
                number = (number - (x ? offset.x : offset.y)) / (x ? scale.x : scale.y);
            if (context.knows_source())
                number = std::clamp(number, 0.0, x ? context.source_size().x : context.source_size().y);
            box.emplace_back(number);
        }
        boxes.emplace_back(std::move(box));
        sorted.emplace_back(at[1]);
        classes.emplace_back(name_of_class(context.names.labels, static_cast<std::int64_t>(at[0])));
    }
    return Value::Map{{"boxes", std::move(boxes)}, {"scores", std::move(sorted)}, {"classes", std::move(classes)}};
}

}  // namespace seatrial::steps
