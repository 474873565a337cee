#include "unicode.hpp"

#include <algorithm>

#include "errors.hpp"

namespace seatrial {

namespace {

constexpr char32_t kHangul = 0xac00, kLead = 0x1100, kVowel = 0x1161, kTail = 0x11a7;
constexpr char32_t kVowels = 21, kTails = 28, kLeads = 19, kSyllables = kLeads * kVowels * kTails;

template <class T> const T* around(const Table<T>& table, char32_t code) {
    const T* found = std::upper_bound(table.begin(), table.end(), code, [](char32_t left, const T& right) { return left < right.first; });
    return found != table.begin() && code <= (found - 1)->last ? found - 1 : nullptr;
}

const CodeText* text_for(const Table<CodeText>& table, char32_t code) {
    const CodeText* found = std::lower_bound(table.begin(), table.end(), code, [](const CodeText& left, char32_t right) { return left.code < right; });
    return found != table.end() && found->code == code ? found : nullptr;
}

int combining(char32_t code) {
    const CodeClass* found = around(kCombining, code);
    return found ? found->combining : 0;
}

void decompose(char32_t code, bool compatible, std::u32string& out) {
    if (code >= kHangul && code < kHangul + kSyllables) {
        const char32_t place = code - kHangul;
        out += kLead + place / (kVowels * kTails);
        out += kVowel + place % (kVowels * kTails) / kTails;
        if (place % kTails) out += kTail + place % kTails;
        return;
    }
    const CodeText* found = compatible ? text_for(kCompatible, code) : nullptr;
    if (!found) found = text_for(kCanonical, code);
    if (found)
        out.append(kPool + found->start, found->count);
    else
        out += code;
}

/// Marks of one letter in the order of their classes.
void reorder(std::u32string& text) {
    for (std::size_t place = 0; place < text.size();) {
        std::size_t end = place;
        while (end < text.size() && combining(text[end])) ++end;
        std::stable_sort(text.begin() + static_cast<std::ptrdiff_t>(place), text.begin() + static_cast<std::ptrdiff_t>(end),
                         [](char32_t left, char32_t right) { return combining(left) < combining(right); });
        place = end + 1;
    }
}

char32_t composed(char32_t first, char32_t second) {
    if (first >= kLead && first < kLead + kLeads && second >= kVowel && second < kVowel + kVowels)
        return kHangul + ((first - kLead) * kVowels + second - kVowel) * kTails;
    if (first >= kHangul && first < kHangul + kSyllables && (first - kHangul) % kTails == 0 && second > kTail && second < kTail + kTails)
        return first + second - kTail;
    const CodePair wanted{first, second, 0};
    const CodePair* found = std::lower_bound(kComposed.begin(), kComposed.end(), wanted, [](const CodePair& left, const CodePair& right) {
        return left.first != right.first ? left.first < right.first : left.second < right.second;
    });
    return found != kComposed.end() && found->first == first && found->second == second ? found->composed : 0;
}

std::u32string compose(const std::u32string& text) {
    std::u32string out;
    std::size_t starter = std::u32string::npos;
    int before = 0;  // class of what stands last after the starter
    for (const char32_t code : text) {
        const int now = combining(code);
        const bool adjacent = starter != std::u32string::npos && starter + 1 == out.size();
        if (starter != std::u32string::npos && (adjacent || (before < now && before))) {
            if (const char32_t both = composed(out[starter], code)) {
                out[starter] = both;
                continue;
            }
        }
        if (!now) starter = out.size();
        before = now;
        out += code;
    }
    return out;
}

bool is_final_sigma(const std::u32string& text, std::size_t place) {
    std::size_t left = place;
    while (left > 0 && around(kIgnorable, text[left - 1])) --left;
    if (!left || !around(kCased, text[left - 1])) return false;
    std::size_t right = place + 1;
    while (right < text.size() && around(kIgnorable, text[right])) ++right;
    return right == text.size() || !around(kCased, text[right]);
}

}  // namespace

std::u32string characters_of(const std::string& text) {
    std::u32string out;
    for (std::size_t place = 0; place < text.size();) {
        const auto lead = static_cast<unsigned char>(text[place]);
        const int more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : -1;
        if (more < 0 || place + static_cast<std::size_t>(more) >= text.size())
            throw ContractViolation("the text is no UTF-8 at byte " + std::to_string(place));
        char32_t code = more == 0 ? lead : lead & (0x3fu >> more);
        for (int each = 1; each <= more; ++each) {
            const auto next = static_cast<unsigned char>(text[place + static_cast<std::size_t>(each)]);
            if ((next & 0xc0) != 0x80) throw ContractViolation("the text is no UTF-8 at byte " + std::to_string(place));
            code = code << 6 | (next & 0x3f);
        }
        if (code > 0x10ffff || (more == 2 && code < 0x800) || (more == 3 && code < 0x10000))
            throw ContractViolation("the text is no UTF-8 at byte " + std::to_string(place));
        out += code;
        place += static_cast<std::size_t>(more) + 1;
    }
    return out;
}

std::string utf8_of(char32_t code) {
    if (code < 0x80) return std::string(1, static_cast<char>(code));
    std::string out;
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    out += static_cast<char>((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | (code >> (6 * more)));
    for (int each = more - 1; each >= 0; --each) out += static_cast<char>(0x80 | ((code >> (6 * each)) & 0x3f));
    return out;
}

std::string utf8_of(const std::u32string& characters) {
    std::string out;
    for (const char32_t each : characters) out += utf8_of(each);
    return out;
}

std::u32string normalized(const std::u32string& text, const std::string& form) {
    std::u32string out;
    for (const char32_t each : text) decompose(each, form.size() == 4, out);
    reorder(out);
    return form.back() == 'C' ? compose(out) : out;
}

std::u32string lowered(const std::u32string& text) {
    std::u32string out;
    for (std::size_t place = 0; place < text.size(); ++place) {
        if (text[place] == 0x3a3) {
            out += is_final_sigma(text, place) ? 0x3c2 : 0x3c3;
        } else if (const CodeText* found = text_for(kLower, text[place])) {
            out.append(kPool + found->start, found->count);
        } else {
            out += text[place];
        }
    }
    return out;
}

bool is_space(char32_t character) { return around(kSpace, character) != nullptr; }
bool is_separator(char32_t character) { return around(kSeparator, character) != nullptr; }
bool is_mark(char32_t character) { return around(kMark, character) != nullptr; }
bool is_punctuation(char32_t character) { return around(kPunctuation, character) != nullptr; }
bool is_other(char32_t character) { return around(kOther, character) != nullptr; }

}  // namespace seatrial
