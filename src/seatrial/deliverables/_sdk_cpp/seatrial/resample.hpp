// Resampling as OpenCV and Pillow do it: they disagree, and a model wants the one it was trained with.
#pragma once

#include <string>

#include "context.hpp"

namespace seatrial {

/// Height and width.
struct Size {
    std::int64_t height = 0;
    std::int64_t width = 0;
};

/// Stretches an image [height, width, channels] of uint8 or float32 to exactly `size` and notes the scale.
///
/// `interpolation` is nearest, linear, cubic, area or lanczos; `library` is opencv, pillow, align_corners or
/// asymmetric (the last two sample nearest or linear on the grids that ONNX's Resize gives these names).
/// Throws ContractViolation for a side under 1 or over 16384 and for number types that the library cannot take.
Tensor resample(const Tensor& image, Size size, Context& context, const std::string& interpolation,
                const std::string& library);

/// Stretches so that one side (`long_side`: the longer one) has a size and the other follows.
Tensor resample_side(const Tensor& image, bool long_side, std::int64_t size, Context& context,
                     const std::string& interpolation, const std::string& library);

// One file each.
Tensor resample_opencv(const Tensor& image, Size size, const std::string& interpolation);
Tensor resample_pillow(const Tensor& image, Size size, const std::string& interpolation);
Tensor resample_grid(const Tensor& image, Size size, const std::string& interpolation, bool align_corners);

}  // namespace seatrial
