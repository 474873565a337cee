// Keeps a side within a limit and both sides multiples of 32 (PaddleOCR's text detection).
#pragma once

#include "../resample.hpp"
#include "values.hpp"

namespace seatrial::steps {

struct ResizeLimitOptions {
    std::int64_t side = 0;
    std::string limit = "max";
    std::int64_t multiple = 32;
    std::string rounding = "nearest";
    std::optional<std::int64_t> max_side;
    std::string interpolation = "linear";
    std::string library = "opencv";
};

/// `max`: the long side at most `side`; `min`: the short side at least `side`; `long`: exactly `side`.
/// Then no side over `max_side`, and each side to the nearest `multiple` (or the next one `up`).
inline Value resize_limit(const Value& value, Context& context, const ResizeLimitOptions& options) {
    const Tensor image = as_image(value);
    if (options.side < 1 || options.multiple < 1 || (options.max_side && *options.max_side < 1))
        throw ContractViolation("side, multiple and max_side must be 1 or more");
    const std::int64_t shorter = std::min(image.shape[0], image.shape[1]), longer = std::max(image.shape[0], image.shape[1]);
    double factor = 1.0;
    if (options.limit == "long" || (options.limit == "max" && longer > options.side))
        factor = static_cast<double>(options.side) / static_cast<double>(longer);
    else if (options.limit == "min" && shorter < options.side)
        factor = static_cast<double>(options.side) / static_cast<double>(shorter);
    auto height = static_cast<std::int64_t>(static_cast<double>(image.shape[0]) * factor);
    auto width = static_cast<std::int64_t>(static_cast<double>(image.shape[1]) * factor);
    if (options.max_side && std::max(height, width) > *options.max_side) {
        factor = static_cast<double>(*options.max_side) / static_cast<double>(std::max(height, width));
        height = static_cast<std::int64_t>(static_cast<double>(height) * factor);
        width = static_cast<std::int64_t>(static_cast<double>(width) * factor);
    }
    const auto fitted = [&](std::int64_t side) {
        const std::int64_t times = options.rounding == "up"
                                       ? (side + options.multiple - 1) / options.multiple
                                       : rounded(static_cast<double>(side) / static_cast<double>(options.multiple));
        return std::max<std::int64_t>(1, times) * options.multiple;
    };
    return resample(image, {fitted(height), fitted(width)}, context, options.interpolation, options.library);
}

}  // namespace seatrial::steps
