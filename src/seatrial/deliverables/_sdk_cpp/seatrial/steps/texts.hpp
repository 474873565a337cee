// What the text steps share: text as it is before it is cut into tokens.
#pragma once

#include "../unicode.hpp"
#include "values.hpp"

namespace seatrial::steps {

/// The value's characters, normalized, then in lower case if wanted.
inline std::u32string as_text(const Value& value, const std::optional<std::string>& form, bool lower) {
    std::u32string text = characters_of(value.text());
    if (form) text = normalized(text, *form);
    return lower ? lowered(text) : text;
}

/// The words between white space.
inline std::vector<std::u32string> words_of(const std::u32string& text) {
    std::vector<std::u32string> words;
    bool inside = false;
    for (const char32_t each : text) {
        if (is_space(each)) {
            inside = false;
            continue;
        }
        if (!inside) words.emplace_back();
        words.back() += each;
        inside = true;
    }
    return words;
}

}  // namespace seatrial::steps
