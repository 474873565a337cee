// Cuts text into words at white space.
#pragma once

#include "texts.hpp"

namespace seatrial::steps {

struct TokenizeWordsOptions {
    bool lower = false;
    std::optional<std::string> form;
};

/// Text -> its words; punctuation stays with them.
inline Value tokenize_words(const Value& value, Context&, const TokenizeWordsOptions& options) {
    Value::List tokens;
    for (const std::u32string& each : words_of(as_text(value, options.form, options.lower))) tokens.emplace_back(utf8_of(each));
    return tokens;
}

}  // namespace seatrial::steps
