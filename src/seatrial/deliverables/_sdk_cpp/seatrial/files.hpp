// Files of a bundle: bytes, text, one name a line, arrays.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "value.hpp"

namespace seatrial {

/// The bytes of a file. Throws NotFound with the reason when it cannot be read.
std::vector<unsigned char> read_bytes(const std::string& path);

/// The same as text.
std::string read_text(const std::string& path);

/// One name a line, as `labels.txt` and `vocabulary.txt` are written.
Strings read_names(const std::string& path);

/// One array from a `.npy` file (NumPy's format 1 to 3). Throws ContractViolation when it is none.
Tensor read_npy(const std::vector<unsigned char>& data);
Tensor read_npy(const std::string& path);

/// The bytes of a `.npy` file.
std::vector<unsigned char> npy_of(const Tensor& tensor);

/// The arrays of a `.npz` archive by name.
Value read_npz(const std::vector<unsigned char>& data);

/// A payload from its file, by the suffix: `.txt` text, `.json` JSON, `.npy` one array, `.npz` arrays by name,
/// anything else bytes.
Value read_payload(const std::string& path);

}  // namespace seatrial
