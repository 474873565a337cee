// Turns tokens into their ids in the vocabulary.
#pragma once

#include "vocabulary.hpp"

namespace seatrial::steps {

struct LookupOptions {
    std::optional<std::string> unknown = "[UNK]";
    std::optional<std::int64_t> max_length;
    std::optional<std::string> pad;
    std::string side = "end";
    std::string dtype = "int64";
};

/// Tokens -> ids [length]; more than `max_length` are cut off, fewer filled up with `pad`, if given.
inline Value lookup(const Value& value, Context& context, const LookupOptions& options) {
    const auto* tokens = value.get<Value::List>();
    if (!tokens) throw ContractViolation("takes a list of tokens, not " + value.describe());
    if (options.max_length && *options.max_length < 1)
        throw ContractViolation("max_length is " + std::to_string(*options.max_length) + " and must be 1 or more");
    const auto& ids = ids_of(context);
    Integers found;
    for (const Value& token : *tokens) {
        if (options.max_length && static_cast<std::int64_t>(found.size()) == *options.max_length) break;
        const auto known = ids.find(token.text());
        if (known == ids.end() && !options.unknown)
            throw ContractViolation("'" + token.text() + "' is not in the vocabulary");
        found.push_back(known == ids.end() ? id_of(context, *options.unknown) : known->second);
    }
    const auto length = static_cast<std::int64_t>(found.size());
    context.notes["length"] = length;
    if (options.pad && options.max_length)
        found = filled(std::move(found), id_of(context, *options.pad), *options.max_length - length, options.side);
    const Tensor result = row_of_int64(found);
    return options.dtype == "int64" ? result : converted(result, dtype_named(options.dtype));
}

}  // namespace seatrial::steps
