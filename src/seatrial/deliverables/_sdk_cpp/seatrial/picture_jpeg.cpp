// JPEG through libjpeg or libjpeg-turbo, with the settings that Pillow and OpenCV use too.
#ifdef SEATRIAL_WITH_JPEG
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>
#include <jerror.h>

#include "errors.hpp"
#include "picture.hpp"

namespace seatrial {

namespace {

struct Trouble {
    jpeg_error_mgr manager;
    std::jmp_buf back;
    char text[JMSG_LENGTH_MAX];
};

void fail(j_common_ptr info) {
    auto* trouble = reinterpret_cast<Trouble*>(info->err);
    (*info->err->format_message)(info, trouble->text);
    std::longjmp(trouble->back, 1);
}

void warn(j_common_ptr info, int level) {
    if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) fail(info);  // cut off: half a picture is none
}

int orientation_of(const jpeg_decompress_struct& info) {
    for (const auto* marker = info.marker_list; marker; marker = marker->next)
        if (marker->marker == JPEG_APP0 + 1 && marker->data_length > 14 && std::memcmp(marker->data, "Exif\0\0", 6) == 0)
            return exif_orientation(marker->data + 6, marker->data_length - 6);
    return 1;
}

/// Four inks to three lights; Adobe's files hold the inks inverted.
void to_rgb(const unsigned char* inks, unsigned char* lights, std::int64_t count, bool inverted) {
    for (std::int64_t pixel = 0; pixel < count; ++pixel, inks += 4, lights += 3) {
        const int white = inverted ? inks[3] : 255 - inks[3];
        for (int channel = 0; channel < 3; ++channel) {
            const int product = (inverted ? 255 - inks[channel] : inks[channel]) * white + 128;
            lights[channel] = static_cast<unsigned char>(white - (((product >> 8) + product) >> 8));
        }
    }
}

}  // namespace

Picture read_jpeg(const std::vector<unsigned char>& data, std::int64_t most) {
    jpeg_decompress_struct info{};
    Trouble trouble{};
    Picture picture;                  // made before setjmp: longjmp runs no destructor
    std::vector<unsigned char> line;
    info.err = jpeg_std_error(&trouble.manager);
    trouble.manager.error_exit = fail;
    trouble.manager.emit_message = warn;
    if (setjmp(trouble.back)) {
        jpeg_destroy_decompress(&info);
        throw ContractViolation(std::string("the image is damaged: ") + trouble.text);
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, data.data(), static_cast<unsigned long>(data.size()));
    jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&info, TRUE);
    try {
        check_pixels(info.image_width, info.image_height, most);
    } catch (...) {
        jpeg_destroy_decompress(&info);
        throw;
    }
    const bool inks = info.num_components == 4;
    info.out_color_space = inks ? JCS_CMYK : info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    picture.orientation = orientation_of(info);
    jpeg_start_decompress(&info);
    picture.width = info.output_width;
    picture.height = info.output_height;
    picture.channels = info.num_components == 1 ? 1 : 3;
    const auto wide = static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.channels);
    picture.pixels.resize(wide * static_cast<std::size_t>(picture.height));
    line.resize(static_cast<std::size_t>(picture.width) * 4);
    while (info.output_scanline < info.output_height) {
        unsigned char* to = &picture.pixels[wide * info.output_scanline];
        unsigned char* row = inks ? line.data() : to;
        jpeg_read_scanlines(&info, &row, 1);
        if (inks) to_rgb(line.data(), to, picture.width, info.saw_Adobe_marker);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    return picture;
}

}  // namespace seatrial
#endif
