// What steps take: the guards that turn a wrong value into a sentence, and small things that they share.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "../context.hpp"

namespace seatrial::steps {

using Integers = std::vector<std::int64_t>;
using Numbers = std::vector<double>;

/// The value as an array of numbers; `rank` -1 takes any number of axes.
inline Tensor as_array(const Value& value, std::int64_t rank = -1, const std::string& what = "an array") {
    Tensor array;
    if (const auto* found = value.get<Tensor>()) {
        array = *found;
    } else if (const auto* whole = value.get<std::int64_t>()) {
        array = row_of_int64({*whole}).reshaped({});
    } else if (const auto* real = value.get<double>()) {
        array = Tensor(DType::float64, {});
        array.as<double>()[0] = *real;
    } else {
        throw ContractViolation("takes " + what + ", not " + value.describe());
    }
    if (array.dtype == DType::text) throw ContractViolation("takes " + what + ", not " + value.describe());
    if (rank >= 0 && array.rank() != rank)
        throw ContractViolation("takes " + what + " of " + std::to_string(rank) + " axes, not one of shape " +
                                text_of(array.shape));
    return array;
}

/// The value as an image: height, width, channels, none of them zero.
inline Tensor as_image(const Value& value) {
    Tensor image = as_array(value, 3, "an image (height, width, channels)");
    if (image.size() == 0)
        throw ContractViolation("takes an image with pixels, not one of shape " + text_of(image.shape));
    return image;
}

/// `axis` counted from the front.
inline std::int64_t axis_of(const Tensor& array, std::int64_t axis) {
    if (axis < -array.rank() || axis >= array.rank())
        throw ContractViolation("axis " + std::to_string(axis) + " does not exist in shape " + text_of(array.shape));
    return axis < 0 ? axis + array.rank() : axis;
}

/// An array seen as [outer, length of the axis, inner].
struct Around {
    std::int64_t outer = 1, length = 1, inner = 1;
};

inline Around around(const Tensor& array, std::int64_t axis) {
    Around found;
    for (std::int64_t each = 0; each < array.rank(); ++each) {
        const std::int64_t size = array.shape[static_cast<std::size_t>(each)];
        (each < axis ? found.outer : each == axis ? found.length : found.inner) *= size;
    }
    return found;
}

/// Places in the order of their scores, best first; equal ones stay in their order, NaN comes last.
inline Integers best_first(const Numbers& scores) {
    Integers order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t left, std::int64_t right) {
        const double a = scores[static_cast<std::size_t>(left)], b = scores[static_cast<std::size_t>(right)];
        return std::isnan(b) ? !std::isnan(a) : a > b;
    });
    return order;
}

/// Place of the largest number; the first one where several are largest; NaN counts as the largest.
template <class T> std::int64_t largest(const T* from, std::int64_t count, std::int64_t stride = 1) {
    std::int64_t best = 0;
    for (std::int64_t place = 1; place < count; ++place) {
        const T candidate = from[place * stride], champion = from[best * stride];
        if (champion != champion) break;
        if (candidate > champion || candidate != candidate) best = place;
    }
    return best;
}

/// The name of a class: its label, or its number where there are no labels.
inline std::string name_of_class(const Strings& labels, std::int64_t index) {
    if (labels.empty()) return std::to_string(index);
    if (index < 0 || index >= static_cast<std::int64_t>(labels.size()))
        throw ContractViolation("class " + std::to_string(index) + " has no label; there are " +
                                std::to_string(labels.size()));
    return labels[static_cast<std::size_t>(index)];
}

/// A number as Python rounds it to whole ones: ties to the even one.
inline std::int64_t rounded(double number) { return static_cast<std::int64_t>(std::nearbyint(number)); }

}  // namespace seatrial::steps
