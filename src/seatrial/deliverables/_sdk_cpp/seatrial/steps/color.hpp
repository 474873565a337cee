// Changes the order of the colour channels, or their number.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct ColorOptions {
    std::string source;
    std::string target;
};

/// Gray weighs red, green and blue by 0.299, 0.587 and 0.114; bytes with OpenCV's 15-bit weights.
inline Value color(const Value& value, Context&, const ColorOptions& options) {
    const Tensor image = as_image(value);
    const std::int64_t channels = options.source == "GRAY" ? 1 : 3;
    if (image.shape[2] != channels)
        throw ContractViolation(options.source + " has " + std::to_string(channels) + " channels, and the image " +
                                std::to_string(image.shape[2]));
    if (options.source == options.target) return image;
    const std::int64_t pixels = image.shape[0] * image.shape[1];
    const bool to_gray = options.target == "GRAY";
    Tensor result(image.dtype, {image.shape[0], image.shape[1], to_gray ? 1 : 3});
    if (to_gray) {
        const int red = options.source == "RGB" ? 0 : 2, blue = 2 - red;
        if (image.dtype == DType::uint8) {
            const unsigned char* from = image.as<unsigned char>();
            for (std::int64_t at = 0; at < pixels; ++at, from += 3)
                result.as<unsigned char>()[at] = static_cast<unsigned char>(
                    (from[red] * 9798 + from[1] * 19235 + from[blue] * 3735 + (1 << 14)) >> 15);
        } else if (image.dtype == DType::float32) {
            const float* from = image.as<float>();
            for (std::int64_t at = 0; at < pixels; ++at, from += 3)
                result.as<float>()[at] = from[red] * 0.299f + from[1] * 0.587f + from[blue] * 0.114f;
        } else {
            throw ContractViolation(std::string("makes gray of uint8 or float32, not ") + name_of(image.dtype));
        }
        return result;
    }
    const std::size_t width = item_size(image.dtype);
    for (std::int64_t at = 0; at < pixels; ++at)
        for (std::int64_t channel = 0; channel < 3; ++channel) {
            const std::int64_t from = channels == 1 ? at : at * 3 + 2 - channel;
            std::memcpy(&result.bytes[static_cast<std::size_t>(at * 3 + channel) * width],
                        &image.bytes[static_cast<std::size_t>(from) * width], width);
        }
    return result;
}

}  // namespace seatrial::steps
