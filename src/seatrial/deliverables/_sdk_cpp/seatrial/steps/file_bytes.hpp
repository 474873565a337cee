// Hands a file over as it is, to a model that decodes it itself.
#pragma once

#include "../files.hpp"
#include "values.hpp"

namespace seatrial::steps {

struct FileBytesOptions {};

/// A path or bytes -> uint8 [n]; an array of bytes stays as it is.
inline Value file_bytes(const Value& value, Context&, const FileBytesOptions&) {
    if (const auto* array = value.get<Tensor>()) {
        if (array->dtype == DType::uint8 && array->rank() == 1 && array->size()) return *array;
        throw ContractViolation("takes a file or bytes, not " + value.describe());
    }
    std::vector<unsigned char> data;
    if (const auto* bytes = value.get<Bytes>())
        data = bytes->data;
    else if (const auto* path = value.get<std::string>())
        data = read_bytes(*path);
    else
        throw ContractViolation("takes a file or bytes, not " + value.describe());
    if (data.empty()) throw ContractViolation("the file is empty (0 bytes)");
    Tensor result(DType::uint8, {static_cast<std::int64_t>(data.size())});
    result.bytes = std::move(data);
    return result;
}

}  // namespace seatrial::steps
