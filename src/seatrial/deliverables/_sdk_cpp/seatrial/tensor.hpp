// Arrays of numbers (or texts) with a shape, as the steps and the model take and give them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "errors.hpp"

namespace seatrial {

/// Types of numbers under NumPy's names; `text` is an array of UTF-8 strings.
enum class DType {
    boolean, uint8, int8, uint16, int16, uint32, int32, uint64, int64, float16, float32, float64, text
};

/// `float32`, `bool`...
const char* name_of(DType dtype);

/// The type of that name. Throws ContractViolation when there is none.
DType dtype_named(const std::string& name);

/// Bytes of one number; 0 for texts.
std::size_t item_size(DType dtype);

inline bool is_float(DType d) { return d == DType::float16 || d == DType::float32 || d == DType::float64; }
inline bool is_integer(DType d) { return d != DType::boolean && d != DType::text && !is_float(d); }

/// IEEE 754 half precision, rounded to nearest even.
struct Half {
    std::uint16_t bits = 0;
    Half() = default;
    explicit Half(double value);
    operator float() const;
};

using Shape = std::vector<std::int64_t>;

/// `[1, 3, 48, 320]`, for messages.
std::string text_of(const Shape& shape);

/// Product of the sizes; 1 for a scalar.
std::int64_t count_of(const Shape& shape);

/// A contiguous array in C order.
class Tensor {
public:
    DType dtype = DType::float32;
    Shape shape;
    std::vector<unsigned char> bytes;  ///< the numbers, little endian
    std::vector<std::string> texts;    ///< instead of them when the dtype is `text`

    Tensor() = default;

    /// All zero.
    Tensor(DType type, Shape sizes)
        : dtype(type), shape(std::move(sizes)), bytes(static_cast<std::size_t>(count_of(shape)) * item_size(type)) {
        if (dtype == DType::text) texts.resize(static_cast<std::size_t>(count_of(shape)));
    }

    std::int64_t size() const { return count_of(shape); }
    std::int64_t rank() const { return static_cast<std::int64_t>(shape.size()); }

    template <class T> T* as() { return reinterpret_cast<T*>(bytes.data()); }
    template <class T> const T* as() const { return reinterpret_cast<const T*>(bytes.data()); }

    /// One number as double.
    double at(std::int64_t index) const;

    /// All numbers as double.
    std::vector<double> doubles() const;

    /// The same numbers under another shape of as many numbers.
    Tensor reshaped(Shape sizes) const;

    /// Rows `from` to `until` of the first axis.
    Tensor rows(std::int64_t from, std::int64_t until) const;

    bool operator==(const Tensor& other) const {
        return dtype == other.dtype && shape == other.shape && bytes == other.bytes && texts == other.texts;
    }
};

/// Calls `work` with a zero of the C++ type that holds this dtype.
template <class Work> auto with_type(DType dtype, Work&& work) {
    switch (dtype) {
        case DType::boolean: return work(bool{});
        case DType::uint8: return work(std::uint8_t{});
        case DType::int8: return work(std::int8_t{});
        case DType::uint16: return work(std::uint16_t{});
        case DType::int16: return work(std::int16_t{});
        case DType::uint32: return work(std::uint32_t{});
        case DType::int32: return work(std::int32_t{});
        case DType::uint64: return work(std::uint64_t{});
        case DType::int64: return work(std::int64_t{});
        case DType::float16: return work(Half{});
        case DType::float32: return work(float{});
        case DType::float64: return work(double{});
        default: throw ContractViolation("an array of text holds no numbers");
    }
}

/// The same numbers in another type; whole numbers are cut, as C++ and NumPy do.
Tensor converted(const Tensor& from, DType to);

/// In a floating type. Throws ContractViolation when a finite number would become infinity.
Tensor to_float(const Tensor& from, DType to = DType::float32);

/// A row of numbers as an array.
Tensor row_of_int64(const std::vector<std::int64_t>& numbers);
Tensor row_of_float(const std::vector<float>& numbers);

}  // namespace seatrial
