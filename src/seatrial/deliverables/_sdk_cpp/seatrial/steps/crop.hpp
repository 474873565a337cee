// Cuts a window out of the middle.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct CropOptions {
    Integers size;  ///< height, width
};

/// The middle of the image; an odd remainder leaves one pixel more at the lower right.
inline Value crop(const Value& value, Context& context, const CropOptions& options) {
    const Tensor image = as_image(value);
    const std::int64_t height = options.size.at(0), width = options.size.at(1);
    const std::int64_t rows = image.shape[0], columns = image.shape[1], channels = image.shape[2];
    if (height < 1 || height > rows || width < 1 || width > columns)
        throw ContractViolation("cannot cut " + std::to_string(height) + " x " + std::to_string(width) +
                                " out of an image of " + std::to_string(rows) + " x " + std::to_string(columns));
    const std::int64_t top = (rows - height) / 2, left = (columns - width) / 2;
    context.moved(static_cast<double>(-top), static_cast<double>(-left));
    Tensor result(image.dtype, {height, width, channels});
    const std::size_t pixel = static_cast<std::size_t>(channels) * item_size(image.dtype);
    for (std::int64_t row = 0; row < height; ++row)
        std::memcpy(&result.bytes[static_cast<std::size_t>(row * width) * pixel],
                    &image.bytes[static_cast<std::size_t>((top + row) * columns + left) * pixel],
                    static_cast<std::size_t>(width) * pixel);
    return result;
}

}  // namespace seatrial::steps
