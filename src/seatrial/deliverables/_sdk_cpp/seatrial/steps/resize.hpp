// Stretches an image to a size, or fits it in (PaddleDetection's target size).
#pragma once

#include "../resample.hpp"
#include "values.hpp"

namespace seatrial::steps {

struct ResizeOptions {
    Integers size;  ///< height, width
    bool keep_ratio = false;
    std::string interpolation = "linear";
    std::string library = "opencv";
};

/// Notes `im_shape` and `scale_factor` (y, x), as PaddleDetection's models take them.
inline Value resize(const Value& value, Context& context, const ResizeOptions& options) {
    const Tensor image = as_image(value);
    std::int64_t height = options.size.at(0), width = options.size.at(1);
    const std::int64_t least = std::min(height, width), most = std::max(height, width);
    if (least < 1) throw ContractViolation("size " + text_of(options.size) + " must be 1 or more");
    const auto rows = static_cast<double>(image.shape[0]), columns = static_cast<double>(image.shape[1]);
    Pair stretch{static_cast<double>(height) / rows, static_cast<double>(width) / columns};
    if (options.keep_ratio) {
        double factor = static_cast<double>(least) / std::min(rows, columns);
        if (rounded(factor * std::max(rows, columns)) > most) factor = static_cast<double>(most) / std::max(rows, columns);
        height = std::max<std::int64_t>(1, rounded(rows * factor));
        width = std::max<std::int64_t>(1, rounded(columns * factor));
        stretch = {factor, factor};
    }
    const Tensor result = resample(image, {height, width}, context, options.interpolation, options.library);
    context.notes["im_shape"] = row_of_float({static_cast<float>(height), static_cast<float>(width)});
    context.notes["scale_factor"] = row_of_float({static_cast<float>(stretch.y), static_cast<float>(stretch.x)});
    return result;
}

}  // namespace seatrial::steps
