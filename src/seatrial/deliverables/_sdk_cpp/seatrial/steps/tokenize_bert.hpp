// Text into the ids of BERT and ERNIE: basic tokenizer, then WordPiece (Devlin et al., 2018).
#pragma once

#include "texts.hpp"
#include "vocabulary.hpp"

namespace seatrial::steps {

struct TokenizeBertOptions {
    bool lower = true;
    std::optional<std::string> form;
    bool ideographs = true;
    bool special = true;
    std::int64_t max_length = 128;
    bool pad = false;
    std::string side = "end";
    std::string ids = "input_ids";
    std::optional<std::string> types = "token_type_ids";
    std::optional<std::string> mask;
};

/// Whether a character is an ideograph, each of which is a word of its own.
inline bool is_ideograph(char32_t code) {
    static constexpr CodeRange blocks[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
                                           {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
    return std::any_of(std::begin(blocks), std::end(blocks), [&](const CodeRange& each) { return each.first <= code && code <= each.last; });
}

/// ASCII marks such as `$` count too, though Unicode calls them symbols.
inline bool is_word_mark(char32_t code) {
    return (code >= 33 && code <= 47) || (code >= 58 && code <= 64) || (code >= 91 && code <= 96) || (code >= 123 && code <= 126) ||
           is_punctuation(code);
}

/// Words and single punctuation marks.
inline std::vector<std::u32string> bert_words(const std::u32string& text, const TokenizeBertOptions& options) {
    std::u32string spaced;
    for (const char32_t each : text) {
        if (each == '\t' || each == '\n' || each == '\r' || is_separator(each))
            spaced += U' ';
        else if (each == 0xfffd || is_other(each))
            continue;
        else if (options.ideographs && is_ideograph(each))
            spaced += {U' ', each, U' '};
        else
            spaced += each;
    }
    if (options.lower) {
        spaced = normalized(spaced, "NFD");
        spaced.erase(std::remove_if(spaced.begin(), spaced.end(), is_mark), spaced.end());
        spaced = lowered(spaced);
    }
    std::vector<std::u32string> words;
    for (const std::u32string& word : words_of(spaced)) {
        bool inside = false;
        for (const char32_t each : word) {
            const bool mark = is_word_mark(each);
            if (mark || !inside) words.emplace_back();
            words.back() += each;
            inside = !mark;
        }
    }
    return words;
}

/// Longest pieces first; [UNK] for the whole word when a part of it is not in the vocabulary.
inline void add_pieces(const std::u32string& word, const Context& context, std::int64_t unknown, Integers& found) {
    constexpr std::size_t kLongest = 100;
    const auto& known = ids_of(context);
    Integers pieces;
    for (std::size_t start = 0; start < word.size() && word.size() <= kLongest;) {
        std::size_t end = word.size();
        for (; end > start; --end) {
            const auto piece = known.find((start ? "##" : "") + utf8_of(word.substr(start, end - start)));
            if (piece == known.end()) continue;
            pieces.push_back(piece->second);
            break;
        }
        if (end == start) {
            pieces.clear();
            break;
        }
        start = end;
    }
    if (pieces.empty()) pieces.push_back(unknown);
    found.insert(found.end(), pieces.begin(), pieces.end());
}

/// Text -> int64 arrays [length] by input name: ids between [CLS] and [SEP], token types, attention mask.
inline Value tokenize_bert(const Value& value, Context& context, const TokenizeBertOptions& options) {
    const std::u32string text = as_text(value, options.form, false);
    if (options.max_length < 2)
        throw ContractViolation("max_length is " + std::to_string(options.max_length) + "; [CLS] and [SEP] alone need 2");
    const std::int64_t unknown = id_of(context, "[UNK]");
    Integers found;
    if (options.special) found.push_back(id_of(context, "[CLS]"));
    for (const std::u32string& word : bert_words(text, options)) add_pieces(word, context, unknown, found);
    const auto most = static_cast<std::size_t>(options.max_length) - (options.special ? 1 : 0);
    if (found.size() > most) found.resize(most);
    if (options.special) found.push_back(id_of(context, "[SEP]"));
    const auto length = static_cast<std::int64_t>(found.size());
    context.notes["length"] = length;
    Integers real(found.size(), 1);
    if (options.pad) {
        found = filled(found, id_of(context, "[PAD]"), options.max_length - length, options.side);
        real = filled(real, 0, options.max_length - length, options.side);
    }
    Value::Map arrays{{options.ids, row_of_int64(found)}};
    if (options.types) arrays.emplace_back(*options.types, row_of_int64(Integers(found.size(), 0)));
    if (options.mask) arrays.emplace_back(*options.mask, row_of_int64(real));
    return arrays;
}

}  // namespace seatrial::steps
