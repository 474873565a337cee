#include "resample.hpp"

#include <algorithm>
#include <cmath>

namespace seatrial {

namespace {

constexpr std::int64_t kLargestSide = 16384;

unsigned char byte_of(float number) {
    return static_cast<unsigned char>(std::clamp(std::nearbyint(number), 0.0f, 255.0f));
}

}  // namespace

Tensor resample(const Tensor& image, Size size, Context& context, const std::string& interpolation,
                const std::string& library) {
    if (size.height < 1 || size.height > kLargestSide || size.width < 1 || size.width > kLargestSide)
        throw ContractViolation("the image would become " + std::to_string(size.height) + " x " +
                                std::to_string(size.width) + "; a side is 1 to " + std::to_string(kLargestSide) +
                                " pixels");
    if (image.dtype != DType::uint8 && image.dtype != DType::float32)
        throw ContractViolation(std::string("takes an image of uint8 or float32, not ") + name_of(image.dtype));
    Tensor result;
    if (library == "opencv")
        result = resample_opencv(image, size, interpolation);
    else if (library == "pillow")
        result = resample_pillow(image, size, interpolation);
    else
        result = resample_grid(image, size, interpolation, library == "align_corners");
    context.scaled(static_cast<double>(size.height) / static_cast<double>(image.shape[0]),
                   static_cast<double>(size.width) / static_cast<double>(image.shape[1]));
    return result;
}

Tensor resample_side(const Tensor& image, bool long_side, std::int64_t size, Context& context,
                     const std::string& interpolation, const std::string& library) {
    if (size < 1) throw ContractViolation("size is " + std::to_string(size) + " and must be 1 or more");
    const std::int64_t side = long_side ? std::max(image.shape[0], image.shape[1]) : std::min(image.shape[0], image.shape[1]);
    const double factor = static_cast<double>(size) / static_cast<double>(side);
    const auto wanted = [&](std::int64_t each) {
        return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::nearbyint(static_cast<double>(each) * factor)));
    };
    return resample(image, {wanted(image.shape[0]), wanted(image.shape[1])}, context, interpolation, library);
}

Tensor resample_grid(const Tensor& image, Size size, const std::string& interpolation, bool align_corners) {
    if (interpolation != "nearest" && interpolation != "linear")
        throw ContractViolation("this grid samples nearest or linear, not " + interpolation);
    Tensor now = converted(image, DType::float32);
    for (std::size_t axis = 0; axis < 2; ++axis) {
        const std::int64_t wanted = axis ? size.width : size.height, last = now.shape[axis] - 1;
        const std::int64_t outer = axis ? now.shape[0] : 1, inner = axis ? now.shape[2] : now.shape[1] * now.shape[2];
        const double step = align_corners
                                ? static_cast<double>(last) / static_cast<double>(std::max<std::int64_t>(wanted - 1, 1))
                                : static_cast<double>(last + 1) / static_cast<double>(wanted);
        Shape shape = now.shape;
        shape[axis] = wanted;
        Tensor next(DType::float32, shape);
        for (std::int64_t place = 0; place < wanted; ++place) {
            const double where = std::min(static_cast<double>(place) * step, static_cast<double>(last));
            const bool nearest = interpolation == "nearest";
            const auto low = static_cast<std::int64_t>(std::floor(where + (nearest ? 1e-9 : 0.0)));
            const auto part = static_cast<float>(where - static_cast<double>(low));
            const std::int64_t high = std::min(low + 1, last);
            for (std::int64_t row = 0; row < outer; ++row) {
                const float* first = now.as<float>() + (row * (last + 1) + low) * inner;
                const float* second = now.as<float>() + (row * (last + 1) + high) * inner;
                float* out = next.as<float>() + (row * wanted + place) * inner;
                for (std::int64_t each = 0; each < inner; ++each)
                    out[each] = nearest ? first[each] : first[each] * (1 - part) + second[each] * part;
            }
        }
        now = next;
    }
    if (image.dtype != DType::uint8) return now;
    Tensor bytes(DType::uint8, now.shape);
    for (std::int64_t place = 0; place < now.size(); ++place)
        bytes.as<unsigned char>()[place] = byte_of(now.as<float>()[place]);
    return bytes;
}

}  // namespace seatrial
