// Scales, then subtracts a mean and divides by a deviation.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct NormalizeOptions {
    double scale = 1.0 / 255;
    Numbers mean = {0.0};
    Numbers std = {1.0};
    std::string order = "HWC";
};

/// (value * scale - mean) / std, each operation in float32; one number for all channels, or one for each.
inline Value normalize(const Value& value, Context&, const NormalizeOptions& options) {
    Tensor image = to_float(as_array(value, 3, "an image"));
    const bool last = options.order == "HWC";
    const std::int64_t channels = image.shape[last ? 2 : 0];
    const auto fits = [&](const Numbers& numbers) {
        return numbers.size() == 1 || static_cast<std::int64_t>(numbers.size()) == channels;
    };
    if (!fits(options.mean) || !fits(options.std))
        throw ContractViolation("mean or std does not fit the " + options.order + " image of " +
                                std::to_string(channels) + " channels");
    if (std::find(options.std.begin(), options.std.end(), 0.0) != options.std.end())
        throw ContractViolation("std holds a zero");
    const auto scale = static_cast<float>(options.scale);
    const std::int64_t plane = last ? 1 : image.shape[1] * image.shape[2];
    float* number = image.as<float>();
    for (std::int64_t place = 0; place < image.size(); ++place) {
        const auto channel = static_cast<std::size_t>(last ? place % channels : place / plane);
        const auto mean = static_cast<float>(options.mean[options.mean.size() == 1 ? 0 : channel]);
        const auto std = static_cast<float>(options.std[options.std.size() == 1 ? 0 : channel]);
        const float scaled = number[place] * scale;
        const float shifted = scaled - mean;
        number[place] = shifted / std;
    }
    return image;
}

}  // namespace seatrial::steps
