// The contract's vocabulary as a look-up.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

/// Ids by token; throws ContractViolation when the contract has no vocabulary.
inline const std::unordered_map<std::string, std::int64_t>& ids_of(const Context& context) {
    if (context.names.ids.empty()) throw ContractViolation("the contract has no vocabulary");
    return context.names.ids;
}

/// The id of a token that must be there, such as `[PAD]`.
inline std::int64_t id_of(const Context& context, const std::string& token) {
    const auto found = ids_of(context).find(token);
    if (found == ids_of(context).end())
        throw ContractViolation("the vocabulary has no '" + token + "'", "is this the vocabulary of the model?");
    return found->second;
}

/// Numbers with so many more of `filling` at `start` or `end`.
inline Integers filled(Integers numbers, std::int64_t filling, std::int64_t count, const std::string& side) {
    numbers.insert(side == "start" ? numbers.begin() : numbers.end(), static_cast<std::size_t>(std::max<std::int64_t>(0, count)), filling);
    return numbers;
}

}  // namespace seatrial::steps
