// Boxes around text from DBNet's probability map (Liao et al., 2020), in coordinates of the source image.
#pragma once

#include "../polygons.hpp"
#include "values.hpp"

namespace seatrial::steps {

struct DbBoxesOptions {
    double thresh = 0.3;
    double box_thresh = 0.6;
    double unclip_ratio = 1.5;
    std::int64_t max_candidates = 1000;
    std::int64_t min_size = 3;
    bool dilation = false;
    std::string coordinates = "source";
    std::string order = "xy";
};

using Corners = std::vector<std::array<std::int64_t, 2>>;

struct TextBox {
    Corners corners;  ///< x, y; clockwise from the upper left
    double score = 0;
};

inline Corners whole(const std::array<Point, 4>& corners, std::int64_t left = 0, std::int64_t top = 0) {
    Corners found;
    for (const Point& each : corners)
        found.push_back({static_cast<std::int64_t>(each.x - static_cast<float>(left)), static_cast<std::int64_t>(each.y - static_cast<float>(top))});
    return found;
}

/// Mean of the map inside a rectangle.
inline double mean_inside(const Tensor& map, const std::array<Point, 4>& corners) {
    const std::int64_t height = map.shape[0], width = map.shape[1];
    float low_x = corners[0].x, high_x = low_x, low_y = corners[0].y, high_y = low_y;
    for (const Point& each : corners) {
        low_x = std::min(low_x, each.x), high_x = std::max(high_x, each.x);
        low_y = std::min(low_y, each.y), high_y = std::max(high_y, each.y);
    }
    const auto within = [](float number, std::int64_t size) { return std::clamp<std::int64_t>(static_cast<std::int64_t>(number), 0, size - 1); };
    const std::int64_t left = within(std::floor(low_x), width), right = within(std::ceil(high_x), width);
    const std::int64_t top = within(std::floor(low_y), height), bottom = within(std::ceil(high_y), height);
    const auto inside = filled_polygon(whole(corners, left, top), bottom - top + 1, right - left + 1);
    double sum = 0;
    std::int64_t count = 0;
    for (std::int64_t y = top; y <= bottom; ++y)
        for (std::int64_t x = left; x <= right; ++x)
            if (inside[static_cast<std::size_t>((y - top) * (right - left + 1) + x - left)]) {
                sum += static_cast<double>(map.as<float>()[y * width + x]);
                ++count;
            }
    return count ? sum / static_cast<double>(count) : 0.0;
}

/// The rectangle grown by area * ratio / perimeter; empty when nothing is left of it.
inline Points grown(const std::array<Point, 4>& box, double ratio) {
    double area = 0, perimeter = 0;
    for (std::size_t each = 0; each < 4; ++each) {
        const Point a = box[each], b = box[(each + 1) % 4], c = box[(each + 3) % 4];
        area += static_cast<double>(a.x) * b.y - static_cast<double>(a.y) * b.x;
        perimeter += std::hypot(static_cast<double>(a.x) - c.x, static_cast<double>(a.y) - c.y);
    }
    return perimeter > 0 ? grown_polygon(whole(box), std::fabs(area) / 2 * ratio / perimeter) : Points{};
}

/// The box in whole pixels of the place, empty when nothing of it is left there.
inline Corners placed(const std::array<Point, 4>& box, Pair scale, Pair offset, Pair size) {
    Corners found;
    for (const Point& each : box)
        found.push_back({static_cast<std::int64_t>(std::clamp(std::nearbyint((each.x - offset.x) / scale.x), 0.0, size.x - 1)),
                         static_cast<std::int64_t>(std::clamp(std::nearbyint((each.y - offset.y) / scale.y), 0.0, size.y - 1))});
    const auto length = [&](std::size_t other) {
        return std::hypot(static_cast<double>(found[0][0] - found[other][0]), static_cast<double>(found[0][1] - found[other][1]));
    };
    return static_cast<std::int64_t>(length(1)) > 3 && static_cast<std::int64_t>(length(3)) > 3 ? found : Corners{};
}

/// Top to bottom; boxes whose tops are within 10 pixels go from left to right.
inline void sort_for_reading(std::vector<TextBox>& boxes) {
    std::stable_sort(boxes.begin(), boxes.end(), [](const TextBox& l, const TextBox& r) {
        return l.corners[0][1] != r.corners[0][1] ? l.corners[0][1] < r.corners[0][1] : l.corners[0][0] < r.corners[0][0];
    });
    for (std::size_t place = 1; place < boxes.size(); ++place)
        for (std::size_t at = place; at > 0; --at) {
            const auto &here = boxes[at].corners[0], &before = boxes[at - 1].corners[0];
            if (std::abs(here[1] - before[1]) >= 10 || here[0] >= before[0]) break;
            std::swap(boxes[at], boxes[at - 1]);
        }
}

/// A map [height, width] or [1, height, width] -> `{"boxes", "scores"}`.
inline Value db_boxes(const Value& value, Context& context, const DbBoxesOptions& options) {
    Tensor map = to_float(as_array(value));
    if (map.rank() == 3 && map.shape[0] == 1) map.shape.erase(map.shape.begin());
    if (map.rank() != 2 || !map.size())
        throw ContractViolation("takes a map (height, width), not shape " + text_of(map.shape));
    const std::int64_t height = map.shape[0], width = map.shape[1];
    const bool source = options.coordinates == "source";
    const Pair size = source ? context.source_size() : Pair{static_cast<double>(height), static_cast<double>(width)};
    const Pair scale = source ? context.scale() : Pair{1, 1}, offset = source ? context.offset() : Pair{0, 0};
    std::vector<unsigned char> mask(static_cast<std::size_t>(map.size()));
    for (std::int64_t at = 0; at < map.size(); ++at) mask[static_cast<std::size_t>(at)] = map.as<float>()[at] > static_cast<float>(options.thresh);
    if (options.dilation)  // a pixel wider to the right and below
        for (std::int64_t at = map.size() - 1; at >= 0; --at) {
            const auto set = [&](std::int64_t other) { return mask[static_cast<std::size_t>(other)] != 0; };
            const bool left = at % width > 0, above = at >= width;
            if ((left && set(at - 1)) || (above && set(at - width)) || (left && above && set(at - width - 1))) mask[static_cast<std::size_t>(at)] = 1;
        }
    std::vector<Points> regions = borders(mask, height, width);
    if (static_cast<std::int64_t>(regions.size()) > options.max_candidates) regions.resize(static_cast<std::size_t>(options.max_candidates));
    std::vector<TextBox> found;
    for (const Points& region : regions) {
        const Rectangle inner = smallest_rectangle(region);
        if (inner.short_side < static_cast<float>(options.min_size)) continue;
        const double score = mean_inside(map, inner.corners);
        const Points outline = score >= options.box_thresh ? grown(inner.corners, options.unclip_ratio) : Points{};
        if (outline.empty()) continue;
        const Rectangle outer = smallest_rectangle(outline);
        if (outer.short_side < static_cast<float>(options.min_size + 2)) continue;
        Corners corners = placed(outer.corners, scale, offset, size);
        if (!corners.empty()) found.push_back({std::move(corners), score});
    }
    sort_for_reading(found);
    Value::List boxes, scores;
    for (const TextBox& each : found) {
        Value::List box;
        for (const auto& [x, y] : each.corners) box.emplace_back(options.order == "xy" ? Value::List{x, y} : Value::List{y, x});
        boxes.emplace_back(std::move(box));
        scores.emplace_back(each.score);
    }
    return Value::Map{{"boxes", std::move(boxes)}, {"scores", std::move(scores)}};
}

}  // namespace seatrial::steps
