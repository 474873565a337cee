// Makes an image of a file, of its bytes or of an array of pixels.
#pragma once

#include "../files.hpp"
#include "../picture.hpp"
#include "values.hpp"

namespace seatrial::steps {

struct DecodeImageOptions {
    std::string color = "RGB";
    bool exif = true;
    std::string alpha = "drop";
    std::int64_t max_pixels = 50'000'000;
};

/// Pixels that already have the wanted colour order.
inline Tensor pixels_of(const Tensor& array, const DecodeImageOptions& options) {
    const std::int64_t channels = options.color == "GRAY" ? 1 : 3;
    Tensor image = array;
    if (image.rank() == 2) image.shape.push_back(1);
    if (image.dtype != DType::uint8 || image.rank() != 3 || image.shape[2] != channels || !image.size())
        throw ContractViolation("takes pixels as uint8 [height, width, " + std::to_string(channels) + "] for color " +
                                options.color + ", not " + Value(array).describe());
    if (image.shape[0] * image.shape[1] > options.max_pixels)
        throw ContractViolation("the image has more than " + std::to_string(options.max_pixels) + " pixels");
    return image;
}

/// The picture's pixels in the wanted colours.
inline Tensor in_color(const Picture& picture, const std::string& color) {
    const bool gray = color == "GRAY";
    Tensor image(DType::uint8, {picture.height, picture.width, gray ? 1 : 3});
    unsigned char* to = image.as<unsigned char>();
    const unsigned char* from = picture.pixels.data();
    for (std::int64_t pixel = picture.height * picture.width; pixel > 0; --pixel, from += picture.channels) {
        const int red = from[0], green = from[picture.channels == 1 ? 0 : 1], blue = from[picture.channels == 1 ? 0 : 2];
        if (gray) {  // ITU-R 601-2, in 16-bit fixed point
            *to++ = static_cast<unsigned char>((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
            continue;
        }
        *to++ = static_cast<unsigned char>(color == "BGR" ? blue : red);
        *to++ = static_cast<unsigned char>(green);
        *to++ = static_cast<unsigned char>(color == "BGR" ? red : blue);
    }
    return image;
}

/// A path, bytes or pixels -> uint8 [height, width, 3], or [height, width, 1] for `GRAY`.
inline Value decode_image(const Value& value, Context& context, const DecodeImageOptions& options) {
    Tensor image;
    if (const auto* array = value.get<Tensor>()) {
        image = pixels_of(*array, options);
    } else {
        std::vector<unsigned char> data;
        if (const auto* bytes = value.get<Bytes>())
            data = bytes->data;
        else if (const auto* path = value.get<std::string>())
            data = read_bytes(*path);
        else
            throw ContractViolation("takes a file, bytes or pixels of an image, not " + value.describe());
        Picture picture = read_picture(data, options.max_pixels);
        if (options.exif) picture = upright(picture);
        if (options.alpha != "drop") picture = flattened(picture, options.alpha);
        image = in_color(picture, options.color);
    }
    context.begin(image.shape[0], image.shape[1]);
    return image;
}

}  // namespace seatrial::steps
