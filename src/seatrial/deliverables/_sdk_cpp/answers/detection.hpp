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
    std::vector<std::array<double, 4>> boxes;  ///< x0, y0, x1, y1 in pixels of the source picture
    std::vector<double> scores;                ///< one a box, best first
    std::vector<std::string> classes;          ///< one a box
    std::string json;                          ///< the whole answer
};

inline Answer to_answer(const Value& value) {
    Answer answer;
    for (const Value& each : value.at("boxes").list()) {
        std::array<double, 4> box{};
        for (std::size_t side = 0; side < 4; ++side) box[side] = each.list().at(side).number();
        answer.boxes.push_back(box);
    }
    for (const Value& each : value.at("scores").list()) answer.scores.push_back(each.number());
    for (const Value& each : value.at("classes").list()) answer.classes.push_back(each.text());
    answer.json = value.json();
    return answer;
}

}  // namespace seatrial
