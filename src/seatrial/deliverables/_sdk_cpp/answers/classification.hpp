// The answer as a struct, and as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "value.hpp"

namespace seatrial {

/// One class with its probability, where the model gives one.
struct Candidate {
    std::string name;
    std::int64_t index = 0;
    std::optional<double> confidence;
};

struct Answer {
    std::string name;                  ///< of the best class
    std::int64_t index = 0;
    std::optional<double> confidence;
    std::vector<Candidate> top;        ///< the best ones, if the contract asks for more than one
    std::string json;                  ///< the whole answer
};

inline Candidate candidate_of(const Value& value) {
    Candidate found{value.at("class").text(), static_cast<std::int64_t>(value.at("index").number()), {}};
    if (const Value* confidence = value.find("confidence")) found.confidence = confidence->number();
    return found;
}

inline Answer to_answer(const Value& value) {
    const Candidate best = candidate_of(value);
    Answer answer{best.name, best.index, best.confidence, {}, value.json()};
    if (const Value* top = value.find("top"))
        for (const Value& each : top->list()) answer.top.push_back(candidate_of(each));
    return answer;
}

}  // namespace seatrial
