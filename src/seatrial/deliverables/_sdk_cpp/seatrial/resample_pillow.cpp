// Pillow's resampling: the filter is widened when the image shrinks; bytes are summed in 22-bit fixed point.
#include <algorithm>
#include <cmath>

#include "resample.hpp"

namespace seatrial {

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kBits = 22;

double sinc(double x) { return x == 0 ? 1.0 : std::sin(x * kPi) / (x * kPi); }

double weight(const std::string& filter, double x) {
    const double size = std::fabs(x);
    if (filter == "area") return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    if (filter == "linear") return size < 1 ? 1 - size : 0.0;
    if (filter == "lanczos") return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0.0;
    constexpr double a = -0.5;  // cubic
    if (size < 1) return ((a + 2) * size - (a + 3)) * size * size + 1;
    return size < 2 ? (((size - 5) * size + 8) * size - 4) * a : 0.0;
}

double support_of(const std::string& filter) {
    return filter == "area" ? 0.5 : filter == "linear" ? 1.0 : filter == "cubic" ? 2.0 : 3.0;
}

struct Window {
    std::int64_t first = 0;
    std::vector<double> weights;
};

std::vector<Window> windows(const std::string& filter, std::int64_t from, std::int64_t to) {
    const double scale = static_cast<double>(from) / static_cast<double>(to), stretch = std::max(scale, 1.0);
    const double support = support_of(filter) * stretch, shrink = 1.0 / stretch;
    std::vector<Window> found;
    for (std::int64_t place = 0; place < to; ++place) {
        const double center = (static_cast<double>(place) + 0.5) * scale;
        Window window;
        window.first = std::max<std::int64_t>(0, static_cast<std::int64_t>(center - support + 0.5));
        const std::int64_t end = std::min(from, static_cast<std::int64_t>(center + support + 0.5));
        double sum = 0;
        for (std::int64_t each = window.first; each < end; ++each) {
            window.weights.push_back(weight(filter, (static_cast<double>(each) - center + 0.5) * shrink));
            sum += window.weights.back();
        }
        for (double& each : window.weights)
            if (sum != 0) each *= 1.0 / sum;
        found.push_back(std::move(window));
    }
    return found;
}

/// One axis, seen as [outer, length, inner].
template <class T> Tensor pass(const Tensor& image, std::size_t axis, std::int64_t wanted, const std::string& filter) {
    if (image.shape[axis] == wanted) return image;
    const std::int64_t length = image.shape[axis], outer = axis ? image.shape[0] : 1;
    const std::int64_t inner = axis ? image.shape[2] : image.shape[1] * image.shape[2];
    Shape shape = image.shape;
    shape[axis] = wanted;
    Tensor result(image.dtype, shape);
    const std::vector<Window> all = windows(filter, length, wanted);
    for (std::int64_t place = 0; place < wanted; ++place) {
        const Window& window = all[static_cast<std::size_t>(place)];
        std::vector<std::int64_t> whole;
        for (const double each : window.weights)
            whole.push_back(static_cast<std::int64_t>((each < 0 ? -0.5 : 0.5) + each * (1 << kBits)));
        for (std::int64_t row = 0; row < outer; ++row)
            for (std::int64_t at = 0; at < inner; ++at) {
                const T* from = image.as<T>() + (row * length + window.first) * inner + at;
                T& to = result.as<T>()[(row * wanted + place) * inner + at];
                if constexpr (std::is_same_v<T, float>) {
                    double sum = 0;
                    for (std::size_t k = 0; k < window.weights.size(); ++k)
                        sum += static_cast<double>(from[static_cast<std::int64_t>(k) * inner]) * window.weights[k];
                    to = static_cast<float>(sum);
                } else {
                    std::int64_t sum = 1 << (kBits - 1);
                    for (std::size_t k = 0; k < whole.size(); ++k)
                        sum += from[static_cast<std::int64_t>(k) * inner] * whole[k];
                    to = static_cast<T>(std::clamp<std::int64_t>(sum >> kBits, 0, 255));
                }
            }
    }
    return result;
}

std::vector<std::int64_t> nearest(std::int64_t from, std::int64_t to) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    std::vector<std::int64_t> found;
    double at = scale * 0.5;  // summed up, as Pillow does, rather than multiplied
    for (std::int64_t place = 0; place < to; ++place, at += scale)
        found.push_back(std::min(from - 1, static_cast<std::int64_t>(at)));
    return found;
}

Tensor sampled(const Tensor& image, Size size) {
    const auto rows = nearest(image.shape[0], size.height), columns = nearest(image.shape[1], size.width);
    const std::size_t pixel = static_cast<std::size_t>(image.shape[2]) * item_size(image.dtype);
    Tensor result(image.dtype, {size.height, size.width, image.shape[2]});
    unsigned char* out = result.bytes.data();
    for (const std::int64_t row : rows)
        for (const std::int64_t column : columns) {
            std::memcpy(out, &image.bytes[static_cast<std::size_t>(row * image.shape[1] + column) * pixel], pixel);
            out += pixel;
        }
    return result;
}

}  // namespace

Tensor resample_pillow(const Tensor& image, Size size, const std::string& interpolation) {
    if (interpolation == "nearest") return sampled(image, size);
    if (image.dtype == DType::uint8)
        return pass<unsigned char>(pass<unsigned char>(image, 1, size.width, interpolation), 0, size.height, interpolation);
    return pass<float>(pass<float>(image, 1, size.width, interpolation), 0, size.height, interpolation);
}

}  // namespace seatrial
