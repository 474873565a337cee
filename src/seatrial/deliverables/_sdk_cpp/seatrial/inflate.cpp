#include "inflate.hpp"

#include <array>
#include <cstdint>

#include "errors.hpp"

namespace seatrial {

namespace {

[[noreturn]] void damaged(const char* why) { throw ContractViolation(std::string("the packed data is damaged: ") + why); }

class Bits {
public:
    Bits(const unsigned char* data, std::size_t size) : at_(data), end_(data + size) {}

    unsigned take(int count) {
        while (have_ < count) {
            if (at_ == end_) damaged("it is cut off");
            held_ |= static_cast<std::uint32_t>(*at_++) << have_;
            have_ += 8;
        }
        const unsigned value = held_ & ((1u << count) - 1);
        held_ >>= count;
        have_ -= count;
        return value;
    }

    void align() { take(have_ % 8); }

private:
    const unsigned char* at_;
    const unsigned char* end_;
    std::uint32_t held_ = 0;
    int have_ = 0;
};

/// Canonical Huffman codes, decoded bit by bit by the number of codes of each length.
class Codes {
public:
    Codes(const unsigned char* lengths, int count) {
        for (int symbol = 0; symbol < count; ++symbol) ++counts_[lengths[symbol]];
        counts_[0] = 0;
        std::array<int, 16> offsets{};
        for (int length = 1; length < 15; ++length) offsets[static_cast<std::size_t>(length + 1)] = offsets[static_cast<std::size_t>(length)] + counts_[static_cast<std::size_t>(length)];
        symbols_.resize(static_cast<std::size_t>(count));
        for (int symbol = 0; symbol < count; ++symbol)
            if (lengths[symbol]) symbols_[static_cast<std::size_t>(offsets[lengths[symbol]]++)] = symbol;
    }

    int next(Bits& bits) const {
        int code = 0, first = 0, place = 0;
        for (std::size_t length = 1; length < 16; ++length) {
            code |= static_cast<int>(bits.take(1));
            const int count = counts_[length];
            if (code - count < first) return symbols_[static_cast<std::size_t>(place + code - first)];
            place += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        damaged("a code that stands for nothing");
    }

private:
    std::array<int, 16> counts_{};
    std::vector<int> symbols_;
};

constexpr int kLengthBase[] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr int kLengthBits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr int kAwayBase[] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
constexpr int kAwayBits[] = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

void stored(Bits& bits, std::vector<unsigned char>& out, std::size_t most) {
    bits.align();
    const unsigned length = bits.take(16);
    if ((length ^ 0xffffu) != bits.take(16)) damaged("a stored block of two lengths");
    if (out.size() + length > most) damaged("it unpacks to more than expected");
    for (unsigned each = 0; each < length; ++each) out.push_back(static_cast<unsigned char>(bits.take(8)));
}

void packed(Bits& bits, const Codes& literals, const Codes& distances, std::vector<unsigned char>& out, std::size_t most) {
    for (;;) {
        const int symbol = literals.next(bits);
        if (symbol == 256) return;
        if (symbol < 256) {
            if (out.size() >= most) damaged("it unpacks to more than expected");
            out.push_back(static_cast<unsigned char>(symbol));
            continue;
        }
        if (symbol > 285) damaged("a length that does not exist");
        const std::size_t length = static_cast<std::size_t>(kLengthBase[symbol - 257]) + bits.take(kLengthBits[symbol - 257]);
        const int far = distances.next(bits);
        if (far > 29) damaged("a distance that does not exist");
        const std::size_t away = static_cast<std::size_t>(kAwayBase[far]) + bits.take(kAwayBits[far]);
        if (away > out.size()) damaged("it refers to before its start");
        if (out.size() + length > most) damaged("it unpacks to more than expected");
        for (std::size_t each = 0; each < length; ++each) out.push_back(out[out.size() - away]);
    }
}

void dynamic(Bits& bits, std::vector<unsigned char>& out, std::size_t most) {
    static constexpr int kOrder[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    const int literals = static_cast<int>(bits.take(5)) + 257, distances = static_cast<int>(bits.take(5)) + 1;
    const int count = static_cast<int>(bits.take(4)) + 4;
    if (literals > 286 || distances > 30) damaged("too many codes");
    unsigned char lengths[320] = {};
    for (int place = 0; place < count; ++place) lengths[kOrder[place]] = static_cast<unsigned char>(bits.take(3));
    const Codes codes(lengths, 19);
    for (int place = 0; place < literals + distances;) {
        const int symbol = codes.next(bits);
        if (symbol < 16) {
            lengths[place++] = static_cast<unsigned char>(symbol);
            continue;
        }
        if (symbol == 16 && !place) damaged("a repetition of nothing");
        const unsigned char repeated = symbol == 16 ? lengths[place - 1] : 0;
        const int times = static_cast<int>(symbol == 16 ? 3 + bits.take(2) : symbol == 17 ? 3 + bits.take(3) : 11 + bits.take(7));
        if (place + times > literals + distances) damaged("too many code lengths");
        for (int each = 0; each < times; ++each) lengths[place++] = repeated;
    }
    packed(bits, Codes(lengths, literals), Codes(lengths + literals, distances), out, most);
}

}  // namespace

std::vector<unsigned char> inflate(const unsigned char* data, std::size_t size, std::size_t most) {
    Bits bits(data, size);
    std::vector<unsigned char> out;
    for (bool last = false; !last;) {
        last = bits.take(1) != 0;
        const unsigned kind = bits.take(2);
        if (kind == 0) {
            stored(bits, out, most);
        } else if (kind == 1) {
            unsigned char lengths[320];
            for (int symbol = 0; symbol < 288; ++symbol) lengths[symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
            for (int symbol = 0; symbol < 30; ++symbol) lengths[288 + symbol] = 5;
            packed(bits, Codes(lengths, 288), Codes(lengths + 288, 30), out, most);
        } else if (kind == 2) {
            dynamic(bits, out, most);
        } else {
            damaged("a block of no kind");
        }
    }
    return out;
}

}  // namespace seatrial
