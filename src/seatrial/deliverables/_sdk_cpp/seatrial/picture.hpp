// Pictures from their files: PNG, BMP and PPM are read here, JPEG through libjpeg(-turbo) where it is built in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace seatrial {

/// Pixels as they stand in the file, 8 bits a channel.
struct Picture {
    std::int64_t height = 0;
    std::int64_t width = 0;
    int channels = 3;                  ///< 1 gray, 3 red-green-blue
    std::vector<unsigned char> pixels;
    std::vector<unsigned char> alpha;  ///< one a pixel; empty where there is no transparency
    int orientation = 1;               ///< as EXIF counts it, 1 to 8
};

/// Reads a picture. Throws ContractViolation when the bytes are no picture of a known format, are damaged, or
/// hold more than `most` pixels (looked at before anything is unpacked).
Picture read_picture(const std::vector<unsigned char>& data, std::int64_t most);

/// Turns a picture as the camera held it.
Picture upright(const Picture& picture);

/// Lays a picture with transparency on `white` or `black`.
Picture flattened(const Picture& picture, const std::string& below);

// One file each.
Picture read_png(const std::vector<unsigned char>& data, std::int64_t most);
Picture read_jpeg(const std::vector<unsigned char>& data, std::int64_t most);
Picture read_bitmap(const std::vector<unsigned char>& data, std::int64_t most);
Picture read_portable(const std::vector<unsigned char>& data, std::int64_t most);

/// Orientation that an EXIF block (a TIFF header and its first directory) gives; 1 where it gives none.
int exif_orientation(const unsigned char* data, std::size_t size);

/// Throws ContractViolation when a picture of this size must not be unpacked.
void check_pixels(std::int64_t width, std::int64_t height, std::int64_t most);

}  // namespace seatrial
