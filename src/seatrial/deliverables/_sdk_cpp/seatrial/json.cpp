// The little JSON that answers and golden vectors need; nothing else has to be installed.
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "value.hpp"

namespace seatrial {

namespace {

constexpr int kDeepest = 200;

void write_text(const std::string& text, std::string& out) {
    static const char* const digits = "0123456789abcdef";
    out += '"';
    for (const char each : text) {
        const auto code = static_cast<unsigned char>(each);
        if (each == '"' || each == '\\') {
            out += '\\';
            out += each;
        } else if (each == '\n') {
            out += "\\n";
        } else if (each == '\r') {
            out += "\\r";
        } else if (each == '\t') {
            out += "\\t";
        } else if (code < 32) {
            out += "\\u00";
            out += digits[code >> 4];
            out += digits[code & 15];
        } else {
            out += each;
        }
    }
    out += '"';
}

void write_float(double number, std::string& out) {
    if (!std::isfinite(number))
        throw ContractViolation("the answer holds NaN or infinity", "the model gave it for this input");
    out += text_of(number);
}

void write_axis(const Tensor& tensor, std::size_t axis, std::int64_t& place, std::string& out) {
    if (axis == tensor.shape.size()) {
        if (tensor.dtype == DType::text)
            write_text(tensor.texts[static_cast<std::size_t>(place)], out);
        else if (tensor.dtype == DType::boolean)
            out += tensor.at(place) != 0 ? "true" : "false";
        else if (is_float(tensor.dtype))
            write_float(tensor.at(place), out);
        else
            with_type(tensor.dtype, [&](auto zero) {
                if constexpr (std::is_integral_v<decltype(zero)>)
                    out += std::to_string(tensor.as<decltype(zero)>()[place]);
            });
        ++place;
        return;
    }
    out += '[';
    for (std::int64_t index = 0; index < tensor.shape[axis]; ++index) {
        if (index) out += ", ";
        write_axis(tensor, axis + 1, place, out);
    }
    out += ']';
}

void write(const Value& value, std::string& out) {
    if (value.is_null()) {
        out += "null";
    } else if (const auto* truth = value.get<bool>()) {
        out += *truth ? "true" : "false";
    } else if (const auto* whole = value.get<std::int64_t>()) {
        out += std::to_string(*whole);
    } else if (const auto* real = value.get<double>()) {
        write_float(*real, out);
    } else if (const auto* text = value.get<std::string>()) {
        write_text(*text, out);
    } else if (const auto* tensor = value.get<Tensor>()) {
        std::int64_t place = 0;
        write_axis(*tensor, 0, place, out);
    } else if (const auto* list = value.get<Value::List>()) {
        out += '[';
        for (std::size_t place = 0; place < list->size(); ++place) {
            if (place) out += ", ";
            write((*list)[place], out);
        }
        out += ']';
    } else if (const auto* map = value.get<Value::Map>()) {
        out += '{';
        for (std::size_t place = 0; place < map->size(); ++place) {
            if (place) out += ", ";
            write_text((*map)[place].first, out);
            out += ": ";
            write((*map)[place].second, out);
        }
        out += '}';
    } else {
        throw ContractViolation("bytes are no JSON");
    }
}

class Reader {
public:
    explicit Reader(const std::string& text) : text_(text) {}

    Value document() {
        Value value = read(0);
        space();
        if (place_ != text_.size()) fail("something follows the end");
        return value;
    }

private:
    const std::string& text_;
    std::size_t place_ = 0;

    [[noreturn]] void fail(const std::string& why) const {
        throw ContractViolation("this is no JSON: " + why + " at byte " + std::to_string(place_));
    }

    char peek() const { return place_ < text_.size() ? text_[place_] : '\0'; }

    void space() {
        while (place_ < text_.size() && (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t')) ++place_;
    }

    void expect(char wanted) {
        space();
        if (peek() != wanted || place_ >= text_.size()) fail(std::string("expected '") + wanted + "'");
        ++place_;
    }

    bool take(const char* word) {
        const std::string wanted = word;
        if (text_.compare(place_, wanted.size(), wanted) != 0) return false;
        place_ += wanted.size();
        return true;
    }

    Value read(int depth) {
        if (depth > kDeepest) fail("it is nested too deep");
        space();
        switch (peek()) {
            case '{': return map(depth);
            case '[': return list(depth);
            case '"': return string();
            default: break;
        }
        if (take("true")) return true;
        if (take("false")) return false;
        if (take("null")) return Value();
        return number();
    }

    Value map(int depth) {
        Value::Map found;
        expect('{');
        for (space(); peek() != '}'; space()) {
            if (!found.empty()) expect(',');
            space();
            std::string key = string();
            expect(':');
            found.emplace_back(std::move(key), read(depth + 1));
        }
        ++place_;
        return found;
    }

    Value list(int depth) {
        Value::List found;
        expect('[');
        for (space(); peek() != ']'; space()) {
            if (!found.empty()) expect(',');
            found.push_back(read(depth + 1));
        }
        ++place_;
        return found;
    }

    Value number() {
        const std::size_t start = place_;
        while (place_ < text_.size() && std::string("+-0123456789.eE").find(peek()) != std::string::npos) ++place_;
        const char* from = text_.data() + start;
        const char* until = text_.data() + place_;
        std::int64_t whole = 0;
        auto read = std::from_chars(from, until, whole);
        if (read.ec == std::errc() && read.ptr == until) return whole;
        double real = 0;
        auto fraction = std::from_chars(from, until, real);
        if (from == until || fraction.ec != std::errc() || fraction.ptr != until) {
            place_ = start;
            fail("expected a value");
        }
        return real;
    }

    unsigned code() {
        unsigned value = 0;
        if (place_ + 4 > text_.size()) fail("a \\u is cut off");
        auto read = std::from_chars(text_.data() + place_, text_.data() + place_ + 4, value, 16);
        if (read.ptr != text_.data() + place_ + 4) fail("a \\u has no four digits");
        place_ += 4;
        return value;
    }

    void escaped(std::string& out) {
        const char kind = peek();
        ++place_;
        switch (kind) {
            case 'n': out += '\n'; return;
            case 't': out += '\t'; return;
            case 'r': out += '\r'; return;
            case 'b': out += '\b'; return;
            case 'f': out += '\f'; return;
            case '"': case '\\': case '/': out += kind; return;
            case 'u': break;
            default: fail("an unknown escape");
        }
        unsigned value = code();
        if (value >= 0xd800 && value < 0xdc00 && take("\\u")) value = 0x10000 + ((value - 0xd800) << 10) + (code() - 0xdc00);
        if (value < 0x80) {
            out += static_cast<char>(value);
        } else if (value < 0x800) {
            out += static_cast<char>(0xc0 | (value >> 6));
            out += static_cast<char>(0x80 | (value & 63));
        } else if (value < 0x10000) {
            out += static_cast<char>(0xe0 | (value >> 12));
            out += static_cast<char>(0x80 | ((value >> 6) & 63));
            out += static_cast<char>(0x80 | (value & 63));
        } else {
            out += static_cast<char>(0xf0 | (value >> 18));
            out += static_cast<char>(0x80 | ((value >> 12) & 63));
            out += static_cast<char>(0x80 | ((value >> 6) & 63));
            out += static_cast<char>(0x80 | (value & 63));
        }
    }

    std::string string() {
        std::string out;
        expect('"');
        while (peek() != '"') {
            if (place_ >= text_.size() || static_cast<unsigned char>(peek()) < 32) fail("a text does not end");
            if (peek() == '\\') {
                ++place_;
                escaped(out);
            } else {
                out += text_[place_++];
            }
        }
        ++place_;
        return out;
    }
};

}  // namespace

std::string text_of(double number) {
    if (number == 0) return std::signbit(number) ? "-0.0" : "0.0";
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
    std::string digits(buffer, end.ptr);
    const std::string sign = digits[0] == '-' ? "-" : "";
    if (!sign.empty()) digits.erase(0, 1);
    const std::size_t mark = digits.find('e');
    if (mark == std::string::npos) return sign + digits;  // inf, nan
    const int exponent = std::atoi(digits.c_str() + mark + 1);
    if (exponent < -4 || exponent >= 16) return sign + digits;  // already `1e-05`, `1.5e+16`
    std::string plain = digits.substr(0, 1) + (mark > 2 ? digits.substr(2, mark - 2) : "");
    if (exponent < 0) return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + plain;
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (plain.size() <= whole) return sign + plain + std::string(whole - plain.size(), '0') + ".0";
    return sign + plain.substr(0, whole) + "." + plain.substr(whole);
}

std::string Value::json() const {
    std::string out;
    write(*this, out);
    return out;
}

Value Value::parse(const std::string& text) { return Reader(text).document(); }

}  // namespace seatrial
