// The answer as a struct, and as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "value.hpp"

namespace seatrial {

/// Four corners (x, y) in pixels of the source picture, clockwise from the upper left.
using Box = std::array<std::array<double, 2>, 4>;

struct Answer {
    std::vector<Box> boxes;      ///< in reading order
    std::vector<double> scores;  ///< one a box
    std::string json;            ///< the whole answer
};

inline Answer to_answer(const Value& value) {
    Answer answer;
    for (const Value& each : value.at("boxes").list()) {
        Box box{};
        for (std::size_t corner = 0; corner < 4; ++corner)
            for (std::size_t axis = 0; axis < 2; ++axis) box[corner][axis] = each.list().at(corner).list().at(axis).number();
        answer.boxes.push_back(box);
    }
    for (const Value& each : value.at("scores").list()) answer.scores.push_back(each.number());
    answer.json = value.json();
    return answer;
}

}  // namespace seatrial
