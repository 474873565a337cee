// One value on its way through the steps: text, bytes, an array, a list, a mapping - and the same as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tensor.hpp"

namespace seatrial {

/// The bytes of a file, such as a picture.
struct Bytes {
    std::vector<unsigned char> data;
};

class Value {
public:
    using List = std::vector<Value>;
    using Map = std::vector<std::pair<std::string, Value>>;  // keeps its order

    Value() = default;
    Value(bool value) : held_(value) {}
    Value(int value) : held_(static_cast<std::int64_t>(value)) {}
    Value(std::int64_t value) : held_(value) {}
    Value(double value) : held_(value) {}
    Value(const char* value) : held_(std::string(value)) {}
    Value(std::string value) : held_(std::move(value)) {}
    Value(Bytes value) : held_(std::move(value)) {}
    Value(Tensor value) : held_(std::move(value)) {}
    Value(List value) : held_(std::move(value)) {}
    Value(Map value) : held_(std::move(value)) {}

    template <class T> bool is() const { return std::holds_alternative<T>(held_); }
    template <class T> const T* get() const { return std::get_if<T>(&held_); }
    template <class T> T* get() { return std::get_if<T>(&held_); }
    bool is_null() const { return is<std::monostate>(); }
    bool is_number() const { return is<std::int64_t>() || is<double>(); }

    /// A number; throws ContractViolation when it is none.
    double number() const;

    /// The text; throws ContractViolation when it is none.
    const std::string& text() const;

    /// What a mapping holds under a key, or null.
    const Value* find(const std::string& key) const;

    /// The same, and ContractViolation when it is not there.
    const Value& at(const std::string& key) const;

    /// The entries of a list; throws ContractViolation when it is none.
    const List& list() const;

    /// `text`, `an array of float32 with shape [1, 8, 8]`..., for messages.
    std::string describe() const;

    /// As JSON in UTF-8; arrays as nested lists, floats with as many digits as they need, as Python writes them.
    /// Throws ContractViolation for NaN, infinity and bytes.
    std::string json() const;

    /// From JSON. Throws ContractViolation that names the place.
    static Value parse(const std::string& text);

private:
    std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes, Tensor, List, Map> held_;
};

using Strings = std::vector<std::string>;

/// `0.1`, `1e-05`, `3.0`: the shortest digits that give the number back.
std::string text_of(double number);

}  // namespace seatrial
