// The answer as a struct, and as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "value.hpp"

namespace seatrial {

struct Answer {
    Value value;       ///< the outputs as they are
    std::string json;  ///< the same
};

inline Answer to_answer(const Value& value) { return {value, value.json()}; }

}  // namespace seatrial
