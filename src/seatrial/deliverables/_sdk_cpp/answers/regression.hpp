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
    double value = 0;
    std::string json;  ///< the whole answer
};

inline Answer to_answer(const Value& value) { return {value.at("value").number(), value.json()}; }

}  // namespace seatrial
