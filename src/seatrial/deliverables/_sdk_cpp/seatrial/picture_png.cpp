// PNG (ISO/IEC 15948): all colour types and depths, interlaced or not; brought to 8 bits a channel as Pillow does.
#include <array>
#include <cstdlib>
#include <cstring>

#include "errors.hpp"
#include "inflate.hpp"
#include "picture.hpp"

namespace seatrial {

namespace {

[[noreturn]] void damaged(const std::string& why) { throw ContractViolation("the image is damaged: " + why); }

std::uint32_t big(const unsigned char* at) {
    return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 | static_cast<std::uint32_t>(at[2]) << 8 | at[3];
}

std::uint32_t crc_of(const unsigned char* data, std::size_t size) {
    std::uint32_t crc = 0xffffffffu;
    for (std::size_t place = 0; place < size; ++place) {
        crc ^= data[place];
        for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
    }
    return ~crc;
}

struct Header {
    std::int64_t width = 0, height = 0;
    int depth = 8, color = 2;
    bool interlaced = false;

    int samples() const { return color == 2 ? 3 : color == 4 ? 2 : color == 6 ? 4 : 1; }
    std::int64_t line(std::int64_t columns) const { return (columns * samples() * depth + 7) / 8; }
};

struct File {
    Header header;
    std::vector<unsigned char> packed, palette, transparent;
    int orientation = 1;
};

Header header_of(const unsigned char* at, std::size_t size, std::int64_t most) {
    if (size != 13) damaged("its header has another size");
    Header header;
    header.width = big(at);
    header.height = big(at + 4);
    header.depth = at[8];
    header.color = at[9];
    header.interlaced = at[12] != 0;
    const int d = header.depth, c = header.color;
    const bool known = c == 0 ? d == 1 || d == 2 || d == 4 || d == 8 || d == 16
                       : c == 3 ? d == 1 || d == 2 || d == 4 || d == 8
                                : (c == 2 || c == 4 || c == 6) && (d == 8 || d == 16);
    if (!known || at[10] || at[11] || at[12] > 1) damaged("its header says what does not exist");
    check_pixels(header.width, header.height, most);
    return header;
}

File file_of(const std::vector<unsigned char>& data, std::int64_t most) {
    File file;
    bool ended = false;
    for (std::size_t at = 8; !ended;) {
        if (at + 12 > data.size()) break;
        const std::size_t size = big(&data[at]);
        if (size > data.size() || at + 12 + size > data.size()) break;
        const unsigned char* body = &data[at + 8];
        const std::string kind(reinterpret_cast<const char*>(&data[at + 4]), 4);
        if (crc_of(&data[at + 4], size + 4) != big(body + size)) damaged("the sum of its part " + kind + " is wrong");
        if (kind == "IHDR") file.header = header_of(body, size, most);
        if (kind == "IDAT") file.packed.insert(file.packed.end(), body, body + size);
        if (kind == "PLTE") file.palette.assign(body, body + size);
        if (kind == "tRNS") file.transparent.assign(body, body + size);
        if (kind == "eXIf") file.orientation = exif_orientation(body, size);
        ended = kind == "IEND";
        at += size + 12;
    }
    if (!file.header.width) damaged("it has no header");
    if (file.packed.size() < 7) damaged("it is cut off");
    return file;
}

int guess(int left, int up, int corner) {  // the filter called Paeth
    const int base = left + up - corner, a = std::abs(base - left), b = std::abs(base - up), c = std::abs(base - corner);
    return a <= b && a <= c ? left : b <= c ? up : corner;
}

/// Undoes the filter of one line in place.
void unfilter(unsigned char* line, const unsigned char* above, std::int64_t size, std::int64_t pixel, int kind) {
    for (std::int64_t at = 0; at < size; ++at) {
        const int left = at < pixel ? 0 : line[at - pixel], up = above ? above[at] : 0;
        const int corner = above && at >= pixel ? above[at - pixel] : 0;
        int more = 0;
        switch (kind) {
            case 0: break;
            case 1: more = left; break;
            case 2: more = up; break;
            case 3: more = (left + up) / 2; break;
            case 4: more = guess(left, up, corner); break;
            default: damaged("a line of an unknown filter");
        }
        line[at] = static_cast<unsigned char>(line[at] + more);
    }
}

struct Grid {
    std::int64_t left, top, right, down;  // first pixel and distance to the next
};

constexpr std::array<Grid, 7> kAdam7 = {{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};

/// Every sample of every pixel as a number of `depth` bits.
std::vector<std::uint16_t> samples_of(const File& file) {
    const Header& header = file.header;
    const std::vector<Grid> grids = header.interlaced ? std::vector<Grid>(kAdam7.begin(), kAdam7.end()) : std::vector<Grid>{{0, 0, 1, 1}};
    const auto across = [&](const Grid& g) { return (header.width - g.left + g.right - 1) / g.right; };
    const auto along = [&](const Grid& g) { return (header.height - g.top + g.down - 1) / g.down; };
    std::size_t total = 0;
    for (const Grid& grid : grids)
        if (across(grid) > 0) total += static_cast<std::size_t>((header.line(across(grid)) + 1) * along(grid));
    std::vector<unsigned char> raw = inflate(file.packed.data() + 2, file.packed.size() - 2, total);
    if (raw.size() != total) damaged("it is cut off");
    const int samples = header.samples();
    const std::int64_t pixel = std::max(1, samples * header.depth / 8);
    std::vector<std::uint16_t> found(static_cast<std::size_t>(header.width * header.height * samples));
    unsigned char* at = raw.data();
    for (const Grid& grid : grids) {
        const std::int64_t columns = across(grid), size = header.line(columns);
        const unsigned char* above = nullptr;
        if (columns <= 0) continue;
        for (std::int64_t row = 0; row < along(grid); ++row, at += size + 1) {
            unfilter(at + 1, above, size, pixel, at[0]);
            above = at + 1;
            for (std::int64_t each = 0; each < columns * samples; ++each) {
                const std::int64_t bit = each * header.depth;
                const int value = header.depth == 16 ? at[1 + 2 * each] << 8 | at[2 + 2 * each]
                                                     : (at[1 + bit / 8] >> (8 - header.depth - bit % 8)) & ((1 << header.depth) - 1);
                const std::int64_t x = grid.left + each / samples * grid.right, y = grid.top + row * grid.down;
                found[static_cast<std::size_t>((y * header.width + x) * samples + each % samples)] = static_cast<std::uint16_t>(value);
            }
        }
    }
    return found;
}

unsigned char to_byte(int value, int depth) {
    return static_cast<unsigned char>(depth == 16 ? value >> 8 : depth == 8 ? value : value * 255 / ((1 << depth) - 1));
}

void from_palette(const File& file, const std::vector<std::uint16_t>& samples, Picture& picture) {
    for (std::size_t pixel = 0; pixel < samples.size(); ++pixel) {
        const std::size_t entry = samples[pixel];
        if (entry * 3 + 3 > file.palette.size()) damaged("a colour that is not in its palette");
        std::memcpy(&picture.pixels[pixel * 3], &file.palette[entry * 3], 3);
        if (!file.transparent.empty()) picture.alpha[pixel] = entry < file.transparent.size() ? file.transparent[entry] : 255;
    }
}

/// 16 bits of gray: scaled to bytes when they use more than a byte; the rest is cut off.
void from_deep_gray(const std::vector<std::uint16_t>& samples, Picture& picture) {
    bool deep = false;
    for (const std::uint16_t each : samples) deep = deep || each > 255;
    for (std::size_t pixel = 0; pixel < samples.size(); ++pixel)
        picture.pixels[pixel] = static_cast<unsigned char>(deep ? samples[pixel] / 257 : samples[pixel]);
    picture.alpha.clear();
}

void from_samples(const File& file, const std::vector<std::uint16_t>& samples, Picture& picture) {
    const auto channels = static_cast<std::size_t>(picture.channels), each = static_cast<std::size_t>(file.header.samples());
    for (std::size_t pixel = 0; pixel * each < samples.size(); ++pixel) {
        bool hidden = each == channels && file.transparent.size() >= channels * 2;
        for (std::size_t channel = 0; channel < channels; ++channel) {
            const int value = samples[pixel * each + channel];
            picture.pixels[pixel * channels + channel] = to_byte(value, file.header.depth);
            hidden = hidden && value == (file.transparent[channel * 2] << 8 | file.transparent[channel * 2 + 1]);
        }
        if (each != channels)
            picture.alpha[pixel] = to_byte(samples[pixel * each + channels], file.header.depth);
        else if (!picture.alpha.empty())
            picture.alpha[pixel] = hidden ? 0 : 255;
    }
}

}  // namespace

Picture read_png(const std::vector<unsigned char>& data, std::int64_t most) {
    const File file = file_of(data, most);
    const Header& header = file.header;
    Picture picture;
    picture.width = header.width;
    picture.height = header.height;
    picture.channels = header.color == 0 || header.color == 4 ? 1 : 3;
    picture.orientation = file.orientation;
    const auto pixels = static_cast<std::size_t>(header.width * header.height);
    picture.pixels.resize(pixels * static_cast<std::size_t>(picture.channels));
    if (header.color >= 4 || !file.transparent.empty()) picture.alpha.resize(pixels);
    const std::vector<std::uint16_t> samples = samples_of(file);
    if (header.color == 3)
        from_palette(file, samples, picture);
    else if (header.color == 0 && header.depth == 16)
        from_deep_gray(samples, picture);
    else
        from_samples(file, samples, picture);
    return picture;
}

}  // namespace seatrial
