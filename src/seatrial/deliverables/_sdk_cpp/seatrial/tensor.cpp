#include "tensor.hpp"

#include <cmath>

namespace seatrial {

namespace {

struct Entry {
    DType dtype;
    const char* name;
    std::size_t size;
};

constexpr Entry kTypes[] = {
    {DType::boolean, "bool", 1},    {DType::uint8, "uint8", 1},     {DType::int8, "int8", 1},
    {DType::uint16, "uint16", 2},   {DType::int16, "int16", 2},     {DType::uint32, "uint32", 4},
    {DType::int32, "int32", 4},     {DType::uint64, "uint64", 8},   {DType::int64, "int64", 8},
    {DType::float16, "float16", 2}, {DType::float32, "float32", 4}, {DType::float64, "float64", 8},
    {DType::text, "string", 0},
};

}  // namespace

const char* name_of(DType dtype) {
    for (const Entry& each : kTypes)
        if (each.dtype == dtype) return each.name;
    return "unknown";
}

DType dtype_named(const std::string& name) {
    for (const Entry& each : kTypes)
        if (name == each.name) return each.dtype;
    throw ContractViolation("there is no number type '" + name + "' in this SDK");
}

std::size_t item_size(DType dtype) {
    for (const Entry& each : kTypes)
        if (each.dtype == dtype) return each.size;
    return 0;
}

Half::Half(double value) {
    const std::uint16_t sign = std::signbit(value) ? 0x8000u : 0u;
    const double size = std::fabs(value);
    if (std::isnan(value)) {
        bits = 0x7e00u;
    } else if (size >= 65520.0) {  // rounds to infinity
        bits = static_cast<std::uint16_t>(sign | 0x7c00u);
    } else if (size < std::ldexp(1.0, -14)) {  // subnormal: whole multiples of 2^-24
        bits = static_cast<std::uint16_t>(sign | static_cast<int>(std::nearbyint(std::ldexp(size, 24))));
    } else {
        int exponent = 0;
        const double fraction = std::frexp(size, &exponent);  // in [0.5, 1)
        const int mantissa = static_cast<int>(std::nearbyint(std::ldexp(fraction, 11)));  // 1024 .. 2048
        bits = static_cast<std::uint16_t>(sign | (((exponent + 14) << 10) + (mantissa - 1024)));
    }
}

Half::operator float() const {
    const int exponent = (bits >> 10) & 31;
    const int mantissa = bits & 1023;
    float size = 0;
    if (exponent == 31)
        size = mantissa ? NAN : INFINITY;
    else if (exponent == 0)
        size = std::ldexp(static_cast<float>(mantissa), -24);
    else
        size = std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
    return bits & 0x8000u ? -size : size;
}

std::string text_of(const Shape& shape) {
    std::string text = "[";
    for (std::size_t place = 0; place < shape.size(); ++place)
        text += (place ? ", " : "") + std::to_string(shape[place]);
    return text + "]";
}

std::int64_t count_of(const Shape& shape) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    return count;
}

double Tensor::at(std::int64_t index) const {
    return with_type(dtype, [&](auto zero) { return static_cast<double>(as<decltype(zero)>()[index]); });
}

std::vector<double> Tensor::doubles() const {
    return with_type(dtype, [&](auto zero) {
        const auto* from = as<decltype(zero)>();
        return std::vector<double>(from, from + size());
    });
}

Tensor Tensor::reshaped(Shape sizes) const {
    Tensor result = *this;
    if (count_of(sizes) != size())
        throw ContractViolation("shape " + text_of(shape) + " cannot become " + text_of(sizes));
    result.shape = std::move(sizes);
    return result;
}

Tensor Tensor::rows(std::int64_t from, std::int64_t until) const {
    Tensor result;
    result.dtype = dtype;
    result.shape = shape;
    result.shape[0] = until - from;
    const std::int64_t each = shape[0] ? size() / shape[0] : 0;
    if (dtype == DType::text) {
        result.texts.assign(texts.begin() + from * each, texts.begin() + until * each);
    } else {
        const auto width = each * static_cast<std::int64_t>(item_size(dtype));
        result.bytes.assign(bytes.begin() + from * width, bytes.begin() + until * width);
    }
    return result;
}

Tensor converted(const Tensor& from, DType to) {
    if (from.dtype == to) return from;
    Tensor result(to, from.shape);
    with_type(from.dtype, [&](auto source) {
        with_type(to, [&](auto target) {
            using S = decltype(source);
            using T = decltype(target);
            const S* read = from.as<S>();
            T* write = result.as<T>();
            for (std::int64_t place = 0; place < from.size(); ++place) {
                if constexpr (std::is_same_v<S, Half>)
                    write[place] = static_cast<T>(static_cast<float>(read[place]));
                else
                    write[place] = static_cast<T>(read[place]);
            }
        });
    });
    return result;
}

Tensor to_float(const Tensor& from, DType to) {
    Tensor result = converted(from, to);
    for (std::int64_t place = 0; place < from.size(); ++place)
        if (std::isinf(result.at(place)) && !std::isinf(from.at(place)))
            throw ContractViolation(std::string("holds numbers too large for ") + name_of(to));
    return result;
}

Tensor row_of_int64(const std::vector<std::int64_t>& numbers) {
    Tensor result(DType::int64, {static_cast<std::int64_t>(numbers.size())});
    if (!numbers.empty()) std::memcpy(result.bytes.data(), numbers.data(), result.bytes.size());
    return result;
}

Tensor row_of_float(const std::vector<float>& numbers) {
    Tensor result(DType::float32, {static_cast<std::int64_t>(numbers.size())});
    if (!numbers.empty()) std::memcpy(result.bytes.data(), numbers.data(), result.bytes.size());
    return result;
}

}  // namespace seatrial
