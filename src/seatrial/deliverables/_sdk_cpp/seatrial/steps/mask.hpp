// The class of every pixel of the source image (segmentation).
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct MaskOptions {};

/// Scores [classes, height, width], or indices [height, width] or [1, height, width] -> `{"mask"}`.
/// Padding is cut off and the rest brought back to the size of the source by nearest neighbour.
inline Value mask(const Value& value, Context& context, const MaskOptions&) {
    Tensor array = as_array(value);
    if (array.rank() == 3 && array.size()) {
        const std::int64_t rows = array.shape[1], columns = array.shape[2], classes = array.shape[0];
        if (classes == 1) {
            array = array.reshaped({rows, columns});
        } else {
            Tensor best(DType::int64, {rows, columns});
            with_type(array.dtype, [&](auto zero) {
                const auto* from = array.as<decltype(zero)>();
                for (std::int64_t pixel = 0; pixel < rows * columns; ++pixel)
                    best.as<std::int64_t>()[pixel] = largest(from + pixel, classes, rows * columns);
            });
            array = best;
        }
    }
    if (array.rank() != 2 || !array.size())
        throw ContractViolation("takes scores by class, height and width, not shape " + text_of(array.shape));
    const Numbers classes = array.doubles();
    for (const double each : classes)
        if (!(each >= 0 && each <= 65535) || each != std::floor(each))
            throw ContractViolation("takes class indices from 0 to 65535");
    const Pair size = context.source_size(), scale = context.scale(), offset = context.offset();
    const std::int64_t top = std::max<std::int64_t>(0, rounded(offset.y)), left = std::max<std::int64_t>(0, rounded(offset.x));
    const std::int64_t bottom = std::min(array.shape[0], std::max<std::int64_t>(1, rounded(offset.y + size.y * scale.y)));
    const std::int64_t right = std::min(array.shape[1], std::max<std::int64_t>(1, rounded(offset.x + size.x * scale.x)));
    if (top >= bottom || left >= right)
        throw ContractViolation("nothing of the source image is left in the model's mask");
    const auto height = static_cast<std::int64_t>(size.y), width = static_cast<std::int64_t>(size.x);
    Tensor whole(DType::uint16, {height, width});
    const double down = 1.0 / (size.y / static_cast<double>(bottom - top));
    const double across = 1.0 / (size.x / static_cast<double>(right - left));
    for (std::int64_t row = 0; row < height; ++row) {
        const std::int64_t y = top + std::min(static_cast<std::int64_t>(std::floor(static_cast<double>(row) * down)), bottom - top - 1);
        for (std::int64_t column = 0; column < width; ++column) {
            const std::int64_t x = left + std::min(static_cast<std::int64_t>(std::floor(static_cast<double>(column) * across)), right - left - 1);
            whole.as<std::uint16_t>()[row * width + column] =
                static_cast<std::uint16_t>(classes[static_cast<std::size_t>(y * array.shape[1] + x)]);
        }
    }
    return Value::Map{{"mask", std::move(whole)}};
}

}  // namespace seatrial::steps
