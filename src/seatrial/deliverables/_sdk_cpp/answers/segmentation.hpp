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
    std::vector<std::vector<std::int64_t>> mask;  ///< the class of every pixel of the source picture, row by row
    std::string json;                             ///< the whole answer
};

inline Answer to_answer(const Value& value) {
    Answer answer;
    answer.json = value.json();
    const Value plain = Value::parse(answer.json);
    for (const Value& row : plain.at("mask").list()) {
        answer.mask.emplace_back();
        for (const Value& each : row.list()) answer.mask.back().push_back(static_cast<std::int64_t>(each.number()));
    }
    return answer;
}

}  // namespace seatrial
