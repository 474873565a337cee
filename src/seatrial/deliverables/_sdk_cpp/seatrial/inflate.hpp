// Unpacks DEFLATE data (RFC 1951), which PNG files and .npz archives are made of.
#pragma once

#include <cstddef>
#include <vector>

namespace seatrial {

/// The unpacked bytes; `most` bounds them. Throws ContractViolation when the data is damaged or unpacks to more.
std::vector<unsigned char> inflate(const unsigned char* data, std::size_t size, std::size_t most);

}  // namespace seatrial
