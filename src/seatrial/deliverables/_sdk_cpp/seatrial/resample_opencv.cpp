// OpenCV's resampling: it samples the source; bytes go through 11-bit fixed point, first across, then down.
#include <algorithm>
#include <cmath>

#include "resample.hpp"

namespace seatrial {

namespace {

constexpr int kBits = 11;
constexpr float kOne = 1 << kBits;

/// Which source places one target place is made of, and with which weights.
struct Taps {
    std::vector<std::int64_t> from;
    std::vector<float> weights;
};

void cubic(float x, float* out) {
    constexpr float a = -0.75f;
    out[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    out[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    out[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    out[3] = 1.f - out[0] - out[1] - out[2];
}

void lanczos(float x, float* out) {
    constexpr double root = 0.70710678118654752440, quarter = 3.14159265358979323846 * 0.25;
    const double turns[8][2] = {{1, 0}, {-root, -root}, {0, 1}, {root, -root}, {-1, 0}, {root, root}, {0, -1}, {-root, root}};
    const double start = -(static_cast<double>(x) + 3) * quarter, sine = std::sin(start), cosine = std::cos(start);
    float sum = 0;
    for (int tap = 0; tap < 8; ++tap) {
        const float away = -(x + 3 - static_cast<float>(tap));
        const double angle = static_cast<double>(away) * quarter;
        out[tap] = std::fabs(away) < 1e-6f
                       ? 1e30f  // all the weight
                       : static_cast<float>((turns[tap][0] * sine + turns[tap][1] * cosine) / (angle * angle));
        sum += out[tap];
    }
    for (int tap = 0; tap < 8; ++tap) out[tap] *= 1.f / sum;
}

std::vector<Taps> taps_of(const std::string& kind, std::int64_t from, std::int64_t to, bool across) {
    const double inverse = static_cast<double>(to) / static_cast<double>(from), scale = 1.0 / inverse;
    const int count = kind == "cubic" ? 4 : kind == "lanczos" ? 8 : 2;
    std::vector<Taps> all;
    for (std::int64_t place = 0; place < to; ++place) {
        const auto at = static_cast<double>(place);
        std::int64_t first = 0;
        float part = 0;
        if (kind == "area") {  // only where it enlarges: whole cells, and a mix where a border falls into one
            first = static_cast<std::int64_t>(std::floor(at * scale));
            part = static_cast<float>((at + 1) - static_cast<double>(first + 1) * inverse);
            part = part <= 0 ? 0.f : part - std::floor(part);
        } else {
            part = static_cast<float>((at + 0.5) * scale - 0.5);
            first = static_cast<std::int64_t>(std::floor(part));
            part -= static_cast<float>(first);
        }
        if (count == 2 && across && first < 0) first = 0, part = 0;
        if (count == 2 && across && first >= from - 1) first = from - 1, part = 0;
        Taps taps;
        taps.weights.resize(static_cast<std::size_t>(count));
        if (count == 2) {
            taps.weights = {1.f - part, part};
        } else if (count == 4) {
            cubic(part, taps.weights.data());
        } else {
            lanczos(part, taps.weights.data());
        }
        for (int tap = 0; tap < count; ++tap)
            taps.from.push_back(std::clamp<std::int64_t>(first + tap - count / 2 + 1, 0, from - 1));
        all.push_back(std::move(taps));
    }
    return all;
}

std::vector<int> whole(const std::vector<float>& weights) {
    std::vector<int> found;
    for (const float each : weights)
        found.push_back(static_cast<int>(std::clamp(std::nearbyint(each * kOne), -32768.f, 32767.f)));
    return found;
}

unsigned char byte_of(std::int64_t number) { return static_cast<unsigned char>(std::clamp<std::int64_t>(number, 0, 255)); }

Tensor sampled_bytes(const Tensor& image, Size size, const std::string& kind) {
    const std::int64_t channels = image.shape[2], width = size.width * channels;
    const auto rows = taps_of(kind, image.shape[0], size.height, false), columns = taps_of(kind, image.shape[1], size.width, true);
    std::vector<int> across(static_cast<std::size_t>(image.shape[0] * width));
    for (std::int64_t column = 0; column < size.width; ++column) {
        const Taps& taps = columns[static_cast<std::size_t>(column)];
        const std::vector<int> weights = whole(taps.weights);
        for (std::int64_t row = 0; row < image.shape[0]; ++row)
            for (std::int64_t channel = 0; channel < channels; ++channel) {
                int sum = 0;
                for (std::size_t tap = 0; tap < weights.size(); ++tap)
                    sum += image.as<unsigned char>()[(row * image.shape[1] + taps.from[tap]) * channels + channel] * weights[tap];
                across[static_cast<std::size_t>(row * width + column * channels + channel)] = sum;
            }
    }
    Tensor result(DType::uint8, {size.height, size.width, channels});
    for (std::int64_t row = 0; row < size.height; ++row) {
        const Taps& taps = rows[static_cast<std::size_t>(row)];
        const std::vector<int> weights = whole(taps.weights);
        for (std::int64_t at = 0; at < width; ++at) {
            const auto value = [&](std::size_t tap) { return across[static_cast<std::size_t>(taps.from[tap] * width + at)]; };
            unsigned char& out = result.as<unsigned char>()[row * width + at];
            if (weights.size() == 2) {  // OpenCV drops bits early here, to stay in 32
                out = byte_of((((weights[0] * (value(0) >> 4)) >> 16) + ((weights[1] * (value(1) >> 4)) >> 16) + 2) >> 2);
                continue;
            }
            if (weights.size() == 4) {  // its vector code for cubic computes in float
                float sum = 0;
                for (std::size_t tap = 4; tap-- > 0;)
                    sum += static_cast<float>(value(tap)) * (static_cast<float>(weights[tap]) * (1.f / (kOne * kOne)));
                out = byte_of(static_cast<std::int64_t>(std::nearbyint(sum)));
                continue;
            }
            std::int64_t sum = std::int64_t{1} << (2 * kBits - 1);
            for (std::size_t tap = 0; tap < weights.size(); ++tap) sum += static_cast<std::int64_t>(value(tap)) * weights[tap];
            out = byte_of(sum >> (2 * kBits));
        }
    }
    return result;
}

Tensor sampled_floats(const Tensor& image, Size size, const std::string& kind) {
    const std::int64_t channels = image.shape[2], width = size.width * channels;
    const auto rows = taps_of(kind, image.shape[0], size.height, false), columns = taps_of(kind, image.shape[1], size.width, true);
    std::vector<float> across(static_cast<std::size_t>(image.shape[0] * width));
    for (std::int64_t row = 0; row < image.shape[0]; ++row)
        for (std::int64_t column = 0; column < size.width; ++column) {
            const Taps& taps = columns[static_cast<std::size_t>(column)];
            for (std::int64_t channel = 0; channel < channels; ++channel) {
                float sum = 0;
                for (std::size_t tap = 0; tap < taps.from.size(); ++tap)
                    sum += image.as<float>()[(row * image.shape[1] + taps.from[tap]) * channels + channel] * taps.weights[tap];
                across[static_cast<std::size_t>(row * width + column * channels + channel)] = sum;
            }
        }
    Tensor result(DType::float32, {size.height, size.width, channels});
    for (std::int64_t row = 0; row < size.height; ++row) {
        const Taps& taps = rows[static_cast<std::size_t>(row)];
        for (std::int64_t at = 0; at < width; ++at) {
            float sum = 0;
            for (std::size_t tap = 0; tap < taps.from.size(); ++tap)
                sum += across[static_cast<std::size_t>(taps.from[tap] * width + at)] * taps.weights[tap];
            result.as<float>()[row * width + at] = sum;
        }
    }
    return result;
}

Tensor nearest(const Tensor& image, Size size) {
    const std::size_t pixel = static_cast<std::size_t>(image.shape[2]) * item_size(image.dtype);
    const auto places = [](std::int64_t from, std::int64_t to) {
        const double scale = 1.0 / (static_cast<double>(to) / static_cast<double>(from));
        std::vector<std::int64_t> found;
        for (std::int64_t place = 0; place < to; ++place)
            found.push_back(std::min(static_cast<std::int64_t>(std::floor(static_cast<double>(place) * scale)), from - 1));
        return found;
    };
    const auto rows = places(image.shape[0], size.height), columns = places(image.shape[1], size.width);
    Tensor result(image.dtype, {size.height, size.width, image.shape[2]});
    unsigned char* out = result.bytes.data();
    for (const std::int64_t row : rows)
        for (const std::int64_t column : columns) {
            std::memcpy(out, &image.bytes[static_cast<std::size_t>(row * image.shape[1] + column) * pixel], pixel);
            out += pixel;
        }
    return result;
}

/// Cells of a shrinking grid: what of which source place falls into each.
std::vector<Taps> cells(std::int64_t from, std::int64_t to) {
    const double scale = 1.0 / (static_cast<double>(to) / static_cast<double>(from));
    std::vector<Taps> all;
    for (std::int64_t place = 0; place < to; ++place) {
        const double start = static_cast<double>(place) * scale, end = start + scale;
        const double size = std::min(scale, static_cast<double>(from) - start);
        const std::int64_t last = std::min(static_cast<std::int64_t>(std::floor(end)), from - 1);
        const std::int64_t first = std::min(static_cast<std::int64_t>(std::ceil(start)), last);
        Taps taps;
        const auto add = [&](std::int64_t at, double weight) {
            taps.from.push_back(at);
            taps.weights.push_back(static_cast<float>(weight));
        };
        if (static_cast<double>(first) - start > 1e-3) add(first - 1, (static_cast<double>(first) - start) / size);
        for (std::int64_t at = first; at < last; ++at) add(at, 1.0 / size);
        if (end - static_cast<double>(last) > 1e-3)
            add(last, std::min(std::min(end - static_cast<double>(last), 1.0), size) / size);
        all.push_back(std::move(taps));
    }
    return all;
}

template <class T> T stored(float number) {
    if constexpr (std::is_same_v<T, float>)
        return number;
    else
        return byte_of(static_cast<std::int64_t>(std::nearbyint(number)));
}

template <class T> Tensor averaged(const Tensor& image, Size size) {
    const std::int64_t channels = image.shape[2], width = size.width * channels;
    const auto rows = cells(image.shape[0], size.height), columns = cells(image.shape[1], size.width);
    Tensor result(image.dtype, {size.height, size.width, channels});
    std::vector<float> line(static_cast<std::size_t>(width)), sum(static_cast<std::size_t>(width));
    for (std::int64_t row = 0; row < size.height; ++row) {
        std::fill(sum.begin(), sum.end(), 0.f);
        const Taps& down = rows[static_cast<std::size_t>(row)];
        for (std::size_t tap = 0; tap < down.from.size(); ++tap) {
            std::fill(line.begin(), line.end(), 0.f);
            const T* source = image.as<T>() + down.from[tap] * image.shape[1] * channels;
            for (std::int64_t column = 0; column < size.width; ++column) {
                const Taps& across = columns[static_cast<std::size_t>(column)];
                for (std::size_t each = 0; each < across.from.size(); ++each)
                    for (std::int64_t channel = 0; channel < channels; ++channel)
                        line[static_cast<std::size_t>(column * channels + channel)] +=
                            static_cast<float>(source[across.from[each] * channels + channel]) * across.weights[each];
            }
            for (std::size_t at = 0; at < line.size(); ++at) {
                const float part = line[at] * down.weights[tap];
                sum[at] = tap ? sum[at] + part : part;
            }
        }
        for (std::int64_t at = 0; at < width; ++at)
            result.as<T>()[row * width + at] = stored<T>(sum[static_cast<std::size_t>(at)]);
    }
    return result;
}

/// Where whole source pixels make one: their plain mean.
template <class T, class Sum> Tensor blocks(const Tensor& image, Size size) {
    const std::int64_t channels = image.shape[2], tall = image.shape[0] / size.height, wide = image.shape[1] / size.width;
    const float share = 1.f / static_cast<float>(tall * wide);
    Tensor result(image.dtype, {size.height, size.width, channels});
    for (std::int64_t place = 0; place < result.size(); ++place) {
        const std::int64_t channel = place % channels, column = place / channels % size.width, row = place / channels / size.width;
        Sum sum = 0;
        for (std::int64_t y = 0; y < tall; ++y)
            for (std::int64_t x = 0; x < wide; ++x)
                sum += image.as<T>()[((row * tall + y) * image.shape[1] + column * wide + x) * channels + channel];
        if constexpr (std::is_same_v<Sum, int>) {
            if (tall == 2 && wide == 2) {
                result.as<T>()[place] = byte_of((sum + 2) >> 2);
                continue;
            }
        }
        result.as<T>()[place] = stored<T>(static_cast<float>(sum) * share);
    }
    return result;
}

}  // namespace

Tensor resample_opencv(const Tensor& image, Size size, const std::string& interpolation) {
    const bool bytes = image.dtype == DType::uint8;
    if (image.shape[0] == size.height && image.shape[1] == size.width) return image;
    if (interpolation == "nearest") return nearest(image, size);
    const bool whole_blocks = image.shape[0] % size.height == 0 && image.shape[1] % size.width == 0;
    const bool halves = image.shape[0] == 2 * size.height && image.shape[1] == 2 * size.width;
    if ((interpolation == "area" && whole_blocks) || (interpolation == "linear" && halves))
        return bytes ? blocks<unsigned char, int>(image, size) : blocks<float, float>(image, size);
    if (interpolation == "area" && image.shape[0] >= size.height && image.shape[1] >= size.width)
        return bytes ? averaged<unsigned char>(image, size) : averaged<float>(image, size);
    return bytes ? sampled_bytes(image, size, interpolation) : sampled_floats(image, size, interpolation);
}

}  // namespace seatrial
