// Brings a line of text to a fixed height; the width follows the picture (PaddleOCR's recognition).
#pragma once

#include "../resample.hpp"
#include "values.hpp"

namespace seatrial::steps {

struct ResizeWidthOptions {
    std::int64_t height = 0;
    std::optional<std::int64_t> base_width;
    std::optional<std::int64_t> max_width;
    std::string interpolation = "linear";
    std::string library = "opencv";
};

/// Width = ceil(height * ratio of the source), at most `max_width`; beyond `base_width` it is cut instead.
inline Value resize_width(const Value& value, Context& context, const ResizeWidthOptions& options) {
    const Tensor image = as_image(value);
    if (options.height < 1 || options.base_width.value_or(1) < 1 || options.max_width.value_or(1) < 1)
        throw ContractViolation("height, base_width and max_width must be 1 or more");
    const double exact = static_cast<double>(options.height) *
                         (static_cast<double>(image.shape[1]) / static_cast<double>(image.shape[0]));
    auto width = static_cast<std::int64_t>(std::ceil(exact));
    if (options.base_width && width > *options.base_width)
        width = std::max(*options.base_width, static_cast<std::int64_t>(std::floor(exact)));
    if (options.max_width) width = std::min(width, *options.max_width);
    context.notes["valid_width"] = width;
    return resample(image, {options.height, width}, context, options.interpolation, options.library);
}

}  // namespace seatrial::steps
