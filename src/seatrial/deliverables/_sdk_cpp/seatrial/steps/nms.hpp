// Drops boxes that another, better one of the same class covers (non-maximum suppression).
#pragma once

#include <array>
#include <set>

#include "values.hpp"

namespace seatrial::steps {

struct NmsOptions {
    double iou = 0.5;
    double score = 0.05;
    std::int64_t keep = 100;
    std::int64_t candidates = 1000;
};

using DetectedRow = std::array<float, 6>;  // class, score, x0, y0, x1, y1

/// Rows [n, 6], or boxes [n, 4] and scores [classes, n], as rows.
inline std::vector<DetectedRow> detected_rows(const Value& value) {
    std::vector<DetectedRow> rows;
    const auto* pair = value.get<Value::List>();
    if (!pair || pair->size() != 2) {
        const Tensor array = to_float(as_array(value, 2, "rows of (class, score, x0, y0, x1, y1)"));
        if (array.shape[1] != 6)
            throw ContractViolation("takes rows of 6 numbers, not " + std::to_string(array.shape[1]));
        rows.resize(static_cast<std::size_t>(array.shape[0]));
        if (!rows.empty()) std::memcpy(rows.data(), array.bytes.data(), array.bytes.size());
        return rows;
    }
    const Tensor boxes = to_float(as_array(pair->at(0), 2, "boxes and scores"));
    const Tensor scores = to_float(as_array(pair->at(1), 2, "boxes and scores"));
    if (boxes.shape[1] != 4 || scores.shape[1] != boxes.shape[0])
        throw ContractViolation("boxes of shape " + text_of(boxes.shape) + " and scores of shape " +
                                text_of(scores.shape) + " do not belong together");
    for (std::int64_t kind = 0; kind < scores.shape[0]; ++kind)
        for (std::int64_t place = 0; place < boxes.shape[0]; ++place) {
            const float* box = boxes.as<float>() + place * 4;
            rows.push_back({static_cast<float>(kind), scores.as<float>()[kind * scores.shape[1] + place], box[0],
                            box[1], box[2], box[3]});
        }
    return rows;
}

/// Intersection over union; boxes without area overlap nothing.
inline float overlap(const DetectedRow& left, const DetectedRow& right) {
    const auto side = [](float low, float high) { return std::max(high - low, 0.0f); };
    const float shared = side(std::max(left[2], right[2]), std::min(left[4], right[4])) *
                         side(std::max(left[3], right[3]), std::min(left[5], right[5]));
    const float area = side(left[2], left[4]) * side(left[3], left[5]);
    const float all = area + side(right[2], right[4]) * side(right[3], right[5]) - shared;
    return all > 0 ? shared / all : 0.0f;
}

/// The rows in the order of their scores, best first; equal ones stay in their order.
inline std::vector<DetectedRow> by_score(const std::vector<DetectedRow>& rows, std::int64_t most) {
    Numbers scores;
    for (const DetectedRow& each : rows) scores.push_back(static_cast<double>(each[1]));
    std::vector<DetectedRow> sorted;
    for (const std::int64_t place : best_first(scores)) {
        if (static_cast<std::int64_t>(sorted.size()) >= most) break;
        sorted.push_back(rows[static_cast<std::size_t>(place)]);
    }
    return sorted;
}

/// Only rows with at least `score` count, at most `candidates` a class; at most `keep` are left, best first.
inline Value nms(const Value& value, Context&, const NmsOptions& options) {
    std::vector<DetectedRow> rows = detected_rows(value), joined;
    const auto least = static_cast<float>(options.score), most = static_cast<float>(options.iou);
    std::set<float> kinds;
    for (const DetectedRow& each : rows)
        if (each[1] >= least) kinds.insert(each[0]);
    for (const float kind : kinds) {
        std::vector<DetectedRow> own, kept;
        for (const DetectedRow& each : rows)
            if (each[0] == kind && each[1] >= least) own.push_back(each);
        for (const DetectedRow& each : by_score(own, options.candidates)) {
            const bool covered = std::any_of(kept.begin(), kept.end(), [&](const DetectedRow& better) {
                return !(overlap(better, each) <= most);
            });
            if (!covered) kept.push_back(each);
        }
        joined.insert(joined.end(), kept.begin(), kept.end());
    }
    joined = by_score(joined, options.keep);
    Tensor result(DType::float32, {static_cast<std::int64_t>(joined.size()), 6});
    if (!joined.empty()) std::memcpy(result.bytes.data(), joined.data(), result.bytes.size());
    return result;
}

}  // namespace seatrial::steps
