#include "picture.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "errors.hpp"

namespace seatrial {

namespace {

bool begins(const std::vector<unsigned char>& data, const char* with, std::size_t count, std::size_t at = 0) {
    return data.size() >= at + count && std::memcmp(data.data() + at, with, count) == 0;
}

/// What else the service reads; this SDK says its name rather than that it is damaged.
const char* foreign(const std::vector<unsigned char>& data) {
    if (begins(data, "GIF8", 4)) return "GIF";
    if (begins(data, "RIFF", 4) && begins(data, "WEBP", 4, 8)) return "WebP";
    if (begins(data, "II*\0", 4) || begins(data, "MM\0*", 4)) return "TIFF";
    if (begins(data, "\0\0\0\x0cjP", 6) || begins(data, "\xff\x4f\xff\x51", 4)) return "JPEG 2000";
    return nullptr;
}


}  // namespace

void check_pixels(std::int64_t width, std::int64_t height, std::int64_t most) {
    if (width < 1 || height < 1 || width > (1 << 30) || height > (1 << 30))
        throw ContractViolation("the image is damaged: it is " + std::to_string(width) + " x " + std::to_string(height));
    if (width * height > most)
        throw ContractViolation("the image has " + std::to_string(width) + " x " + std::to_string(height) +
                                    " pixels, more than " + std::to_string(most),
                                "scale it down, or raise max_pixels in the contract");
}

int exif_orientation(const unsigned char* data, std::size_t size) {
    if (size < 8) return 1;
    const bool little = data[0] == 'I';
    const auto number = [&](std::size_t at, std::size_t count) {
        std::size_t value = 0;
        for (std::size_t each = 0; each < count; ++each) value = value << 8 | data[at + (little ? count - 1 - each : each)];
        return value;
    };
    const std::size_t directory = number(4, 4);
    if (directory > size - 2 || directory + 2 > size) return 1;
    const std::size_t entries = number(directory, 2);
    for (std::size_t each = 0; each < entries; ++each) {
        const std::size_t entry = directory + 2 + each * 12;
        if (entry + 12 > size) return 1;
        if (number(entry, 2) != 0x0112) continue;
        const std::size_t value = number(entry + 8, 2);
        return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

Picture read_picture(const std::vector<unsigned char>& data, std::int64_t most) {
    if (data.empty()) throw ContractViolation("the image is empty (0 bytes)");
    if (begins(data, "\x89PNG\r\n\x1a\n", 8)) return read_png(data, most);
    if (begins(data, "\xff\xd8", 2)) return read_jpeg(data, most);
    if (begins(data, "BM", 2)) return read_bitmap(data, most);
    if (begins(data, "P5", 2) || begins(data, "P6", 2)) return read_portable(data, most);
    if (const char* name = foreign(data))
        throw ContractViolation(std::string("this SDK does not read ") + name + " pictures",
                                "send the bytes to the service, or convert the picture to PNG");
    throw ContractViolation("the bytes are no image of a known format", "use PNG, JPEG or BMP");
}

Picture upright(const Picture& picture) {
    if (picture.orientation <= 1) return picture;
    const bool swapped = picture.orientation >= 5;
    Picture turned = picture;
    turned.orientation = 1;
    if (swapped) std::swap(turned.height, turned.width);
    const auto channels = static_cast<std::size_t>(picture.channels);
    for (std::int64_t y = 0; y < turned.height; ++y)
        for (std::int64_t x = 0; x < turned.width; ++x) {
            std::int64_t row = swapped ? x : y, column = swapped ? y : x;
            switch (picture.orientation) {
                case 2: case 8: column = picture.width - 1 - column; break;
                case 3: case 7: column = picture.width - 1 - column; row = picture.height - 1 - row; break;
                case 4: case 6: row = picture.height - 1 - row; break;
                default: break;
            }
            const auto to = static_cast<std::size_t>(y * turned.width + x);
            const auto from = static_cast<std::size_t>(row * picture.width + column);
            std::memcpy(&turned.pixels[to * channels], &picture.pixels[from * channels], channels);
            if (!picture.alpha.empty()) turned.alpha[to] = picture.alpha[from];
        }
    return turned;
}

Picture flattened(const Picture& picture, const std::string& below) {
    if (picture.alpha.empty()) return picture;
    Picture result = picture;
    result.alpha.clear();
    const int ground = below == "white" ? 255 : 0;
    for (std::size_t pixel = 0; pixel < picture.alpha.size(); ++pixel) {
        const int alpha = picture.alpha[pixel];
        // 7 more bits than a byte, as Pillow blends.
        const int above = alpha * 255 * 255 * 128 / (255 * 255), under = 255 * 128 - above;
        for (int channel = 0; channel < picture.channels; ++channel) {
            unsigned char& value = result.pixels[pixel * static_cast<std::size_t>(picture.channels) + static_cast<std::size_t>(channel)];
            const int mixed = value * above + ground * under + (0x80 << 7);
            value = static_cast<unsigned char>(alpha ? (((mixed >> 8) + mixed) >> 8) >> 7 : ground);
        }
    }
    return result;
}

Picture read_bitmap(const std::vector<unsigned char>& data, std::int64_t most) {
    const auto number = [&](std::size_t at, int count) {
        if (at + static_cast<std::size_t>(count) > data.size()) throw ContractViolation("the image is damaged: it is cut off");
        std::uint32_t value = 0;
        for (int each = 0; each < count; ++each) value |= static_cast<std::uint32_t>(data[at + static_cast<std::size_t>(each)]) << (8 * each);
        return value;
    };
    const std::size_t start = number(10, 4), header = number(14, 4);
    const auto width = static_cast<std::int32_t>(number(18, 4)), height = static_cast<std::int32_t>(number(22, 4));
    const int bits = static_cast<int>(number(28, 2));
    if (number(30, 4) != 0 || (bits != 8 && bits != 24))
        throw ContractViolation("this SDK reads BMP pictures of 8 or 24 bits without packing", "convert the picture to PNG");
    Picture picture;
    picture.width = width;
    picture.height = height < 0 ? -static_cast<std::int64_t>(height) : height;
    check_pixels(picture.width, picture.height, most);
    const std::size_t palette = 14 + header, line = (static_cast<std::size_t>(width) * static_cast<std::size_t>(bits) / 8 + 3) / 4 * 4;
    if (start + line * static_cast<std::size_t>(picture.height) > data.size() || (bits == 8 && palette + 1024 > data.size()))
        throw ContractViolation("the image is damaged: it is cut off");
    picture.pixels.resize(static_cast<std::size_t>(picture.width * picture.height) * 3);
    for (std::int64_t y = 0; y < picture.height; ++y) {
        const unsigned char* row = data.data() + start + line * static_cast<std::size_t>(height < 0 ? y : picture.height - 1 - y);
        for (std::int64_t x = 0; x < picture.width; ++x) {
            const unsigned char* from = bits == 8 ? data.data() + palette + std::size_t{4} * row[x] : row + 3 * x;
            unsigned char* to = &picture.pixels[static_cast<std::size_t>(y * picture.width + x) * 3];
            to[0] = from[2], to[1] = from[1], to[2] = from[0];
        }
    }
    return picture;
}

Picture read_portable(const std::vector<unsigned char>& data, std::int64_t most) {
    std::size_t at = 2;
    const auto number = [&] {
        while (at < data.size() && (std::isspace(data[at]) || data[at] == '#')) {
            if (data[at] == '#')
                while (at < data.size() && data[at] != '\n') ++at;
            else
                ++at;
        }
        std::int64_t value = 0;
        while (at < data.size() && std::isdigit(data[at]) && value < (1 << 30)) value = value * 10 + (data[at++] - '0');
        return value;
    };
    Picture picture;
    picture.channels = data[1] == '5' ? 1 : 3;
    picture.width = number();
    picture.height = number();
    if (number() != 255) throw ContractViolation("this SDK reads PPM pictures of 8 bits a channel", "convert the picture to PNG");
    check_pixels(picture.width, picture.height, most);
    const auto size = static_cast<std::size_t>(picture.width * picture.height * picture.channels);
    if (++at + size > data.size()) throw ContractViolation("the image is damaged: it is cut off");
    picture.pixels.assign(data.begin() + static_cast<std::ptrdiff_t>(at), data.begin() + static_cast<std::ptrdiff_t>(at + size));
    return picture;
}

#ifndef SEATRIAL_WITH_JPEG
Picture read_jpeg(const std::vector<unsigned char>&, std::int64_t) {
    throw ContractViolation("this build does not read JPEG pictures",
                            "install libjpeg's headers (libjpeg62-turbo-dev) and build again");
}
#endif

}  // namespace seatrial
