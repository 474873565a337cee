// What texts need of Unicode: normal forms (UAX 15), lower case, and the classes of characters.
#pragma once

#include <cstddef>
#include <string>

namespace seatrial {

/// Characters of UTF-8 text. Throws ContractViolation when it is no UTF-8.
std::u32string characters_of(const std::string& text);

/// Back to UTF-8.
std::string utf8_of(const std::u32string& characters);
std::string utf8_of(char32_t character);

/// In the form NFC, NFD, NFKC or NFKD.
std::u32string normalized(const std::u32string& text, const std::string& form);

/// In lower case, with the Greek final sigma.
std::u32string lowered(const std::u32string& text);

bool is_space(char32_t character);        ///< white space that words are cut at
bool is_separator(char32_t character);    ///< category Zs
bool is_mark(char32_t character);         ///< category Mn: accents that stand on the letter before
bool is_punctuation(char32_t character);  ///< categories P*
bool is_other(char32_t character);        ///< categories C*: control, format, unassigned

// The tables, made from the Unicode data that the contract was checked with.
struct CodeRange {
    char32_t first, last;
};
struct CodeClass {
    char32_t first, last;
    unsigned char combining;
};
struct CodeText {
    char32_t code;
    unsigned start, count;  // in kPool
};
struct CodePair {
    char32_t first, second, composed;
};
template <class T> struct Table {
    const T* data;
    std::size_t size;
    const T* begin() const { return data; }
    const T* end() const { return data + size; }
};
extern const char32_t kPool[];
extern const Table<CodeText> kCanonical, kCompatible, kLower;
extern const Table<CodePair> kComposed;
extern const Table<CodeClass> kCombining;
extern const Table<CodeRange> kSpace, kSeparator, kMark, kPunctuation, kOther, kCased, kIgnorable;

}  // namespace seatrial
