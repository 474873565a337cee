#include "files.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>

#include "inflate.hpp"

namespace seatrial {

namespace {

constexpr std::size_t kMost = std::size_t{1} << 34;

std::uint32_t little(const std::vector<unsigned char>& data, std::size_t at, std::size_t count) {
    if (at + count > data.size()) throw ContractViolation("the archive is cut off");
    std::uint32_t value = 0;
    for (std::size_t each = 0; each < count; ++each) value |= static_cast<std::uint32_t>(data[at + each]) << (8 * each);
    return value;
}

std::string between(const std::string& text, const std::string& from, const std::string& until) {
    const std::size_t start = text.find(from);
    if (start == std::string::npos) throw ContractViolation("the array's header has no " + from);
    const std::size_t first = start + from.size(), end = text.find(until, first);
    return text.substr(first, end == std::string::npos ? end : end - first);
}

/// `<f4`, `|b1`, `<U12`... -> type; for text the number of characters each.
DType described(const std::string& text, std::size_t& characters) {
    static const std::pair<const char*, DType> kinds[] = {
        {"b1", DType::boolean}, {"u1", DType::uint8},   {"i1", DType::int8},    {"u2", DType::uint16},
        {"i2", DType::int16},   {"u4", DType::uint32},  {"i4", DType::int32},   {"u8", DType::uint64},
        {"i8", DType::int64},   {"f2", DType::float16}, {"f4", DType::float32}, {"f8", DType::float64}};
    if (!text.empty() && text[0] != '>') {
        if (text.size() > 2 && text[1] == 'U') {
            characters = static_cast<std::size_t>(std::stoul(text.substr(2)));
            return DType::text;
        }
        for (const auto& [name, dtype] : kinds)
            if (text.substr(1) == name) return dtype;
    }
    throw ContractViolation("arrays of type '" + text + "' are not read", "save plain numbers, little endian");
}

void append(std::string& out, std::uint32_t code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
        return;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    out += static_cast<char>((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | (code >> (6 * more)));
    for (int each = more - 1; each >= 0; --each) out += static_cast<char>(0x80 | ((code >> (6 * each)) & 63));
}

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::vector<unsigned char> read_bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw NotFound("'" + path + "' cannot be read: " + std::strerror(errno));
    std::vector<unsigned char> data{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad()) throw NotFound("'" + path + "' cannot be read");
    return data;
}

std::string read_text(const std::string& path) {
    const auto data = read_bytes(path);
    return {data.begin(), data.end()};
}

Strings read_names(const std::string& path) {
    const std::string text = read_text(path);
    Strings names;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        names.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return names;
}

Tensor read_npy(const std::vector<unsigned char>& data) {
    if (data.size() < 10 || std::memcmp(data.data(), "\x93NUMPY", 6) != 0) throw ContractViolation("this is no .npy file");
    const std::size_t start = data[6] == 1 ? 10 : 12, length = little(data, 8, data[6] == 1 ? 2 : 4);
    if (start + length > data.size()) throw ContractViolation("the .npy file is cut off");
    const std::string header(data.begin() + static_cast<std::ptrdiff_t>(start), data.begin() + static_cast<std::ptrdiff_t>(start + length));
    if (header.find("'fortran_order': True") != std::string::npos)
        throw ContractViolation("arrays in Fortran order are not read", "save them in C order");
    std::size_t characters = 0;
    const DType dtype = described(between(header, "'descr': '", "'"), characters);
    const std::string sizes = between(header, "'shape': (", ")");
    Shape shape;
    for (std::size_t at = 0; at < sizes.size();) {
        if (sizes[at] < '0' || sizes[at] > '9') {
            ++at;
            continue;
        }
        std::size_t used = 0;
        shape.push_back(std::stoll(sizes.substr(at), &used));
        at += used;
    }
    Tensor result(dtype, shape);
    const std::size_t first = start + length, item = dtype == DType::text ? characters * 4 : item_size(dtype);
    if (data.size() - first < item * static_cast<std::size_t>(result.size())) throw ContractViolation("the .npy file is cut off");
    if (dtype != DType::text) {
        if (!result.bytes.empty()) std::memcpy(result.bytes.data(), data.data() + first, result.bytes.size());
        return result;
    }
    for (std::size_t place = 0; place < result.texts.size(); ++place)
        for (std::size_t each = 0; each < characters; ++each)
            if (const std::uint32_t code = little(data, first + place * item + each * 4, 4)) append(result.texts[place], code);
    return result;
}

Tensor read_npy(const std::string& path) {
    try {
        return read_npy(read_bytes(path));
    } catch (const ContractViolation& error) {
        throw ContractViolation("'" + path + "': " + error.what(), error.hint());
    }
}

std::vector<unsigned char> npy_of(const Tensor& tensor) {
    std::string kind = "|b1";
    if (tensor.dtype != DType::boolean) {
        const std::string letter = is_float(tensor.dtype) ? "f" : name_of(tensor.dtype)[0] == 'u' ? "u" : "i";
        kind = (item_size(tensor.dtype) == 1 ? "|" : "<") + letter + std::to_string(item_size(tensor.dtype));
    }
    std::string sizes;
    for (const std::int64_t size : tensor.shape) sizes += std::to_string(size) + ", ";
    std::string header = "{'descr': '" + kind + "', 'fortran_order': False, 'shape': (" + sizes + "), }";
    header += std::string(63 - (10 + header.size()) % 64, ' ') + "\n";
    std::string start = std::string("\x93NUMPY\x01\x00", 8);
    start += static_cast<char>(header.size() & 255);
    start += static_cast<char>(header.size() >> 8);
    start += header;
    std::vector<unsigned char> data(start.begin(), start.end());
    data.insert(data.end(), tensor.bytes.begin(), tensor.bytes.end());
    return data;
}

Value read_npz(const std::vector<unsigned char>& data) {
    std::size_t end = data.size() < 22 ? 0 : data.size() - 22;
    while (end && little(data, end, 4) != 0x06054b50u) --end;
    if (data.size() < 22 || little(data, end, 4) != 0x06054b50u) throw ContractViolation("this is no .npz archive");
    std::size_t at = little(data, end + 16, 4);
    Value::Map found;
    for (std::uint32_t left = little(data, end + 10, 2); left; --left) {
        const std::uint32_t method = little(data, at + 10, 2), packed = little(data, at + 20, 4), size = little(data, at + 24, 4);
        const std::size_t name = little(data, at + 28, 2), local = little(data, at + 42, 4);
        const std::size_t start = local + 30 + little(data, local + 26, 2) + little(data, local + 28, 2);
        little(data, at + 46, 0);
        if (start + packed > data.size() || at + 46 + name > data.size()) throw ContractViolation("the archive is cut off");
        std::string title(data.begin() + static_cast<std::ptrdiff_t>(at + 46), data.begin() + static_cast<std::ptrdiff_t>(at + 46 + name));
        const auto body = method == 8 ? inflate(&data[start], packed, std::min<std::size_t>(size, kMost))
                                      : std::vector<unsigned char>(data.begin() + static_cast<std::ptrdiff_t>(start), data.begin() + static_cast<std::ptrdiff_t>(start + packed));
        if (ends_with(title, ".npy")) title.erase(title.size() - 4);
        found.emplace_back(title, read_npy(body));
        at += 46 + name + little(data, at + 30, 2) + little(data, at + 32, 2);
    }
    return found;
}

Value read_payload(const std::string& path) {
    if (ends_with(path, ".txt")) return read_text(path);
    if (ends_with(path, ".json")) return Value::parse(read_text(path));
    if (ends_with(path, ".npy")) return read_npy(path);
    if (ends_with(path, ".npz")) return read_npz(read_bytes(path));
    return Bytes{read_bytes(path)};
}

}  // namespace seatrial
