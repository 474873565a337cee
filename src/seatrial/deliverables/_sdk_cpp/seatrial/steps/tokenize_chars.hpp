// Cuts text into characters.
#pragma once

#include "texts.hpp"

namespace seatrial::steps {

struct TokenizeCharsOptions {
    bool lower = false;
    bool spaces = true;
    std::optional<std::string> form;
};

/// Text -> its characters; without `spaces`, white space is left out.
inline Value tokenize_chars(const Value& value, Context&, const TokenizeCharsOptions& options) {
    Value::List tokens;
    for (const char32_t each : as_text(value, options.form, options.lower))
        if (options.spaces || !is_space(each)) tokens.emplace_back(utf8_of(each));
    return tokens;
}

}  // namespace seatrial::steps
