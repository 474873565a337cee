// What the steps of one sample tell each other, from the first to the last.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "value.hpp"

namespace seatrial {

/// Labels and vocabulary of the model, read once and shared by all samples.
struct Names {
    Strings labels;                                     ///< by class index, or the OCR dictionary
    Strings vocabulary;                                 ///< tokens by id
    std::unordered_map<std::string, std::int64_t> ids;  ///< ids by token; the last counts, as in BERT's loader

    Names() = default;
    Names(Strings labels_, Strings vocabulary_) : labels(std::move(labels_)), vocabulary(std::move(vocabulary_)) {
        for (std::size_t id = 0; id < vocabulary.size(); ++id)
            ids[vocabulary[id]] = static_cast<std::int64_t>(id);
    }
};

/// Two numbers: of rows and of columns.
struct Pair {
    double y = 0;
    double x = 0;
};

/// Of one sample; model coordinate = source coordinate * scale + offset.
class Context {
public:
    const Names& names;
    std::map<std::string, Value> notes;  ///< facts that a later step needs, by name

    explicit Context(const Names& names_) : names(names_) {}

    /// Notes the size of the image as it was decoded.
    void begin(std::int64_t height, std::int64_t width) {
        sized_ = true;
        size_ = {static_cast<double>(height), static_cast<double>(width)};
        scale_ = {1, 1};
        offset_ = {0, 0};
        notes["source_size"] = Value::List{height, width};
        note();
    }

    /// Notes that the image was stretched by these factors.
    void scaled(double y, double x) {
        scale_ = {scale_.y * y, scale_.x * x};
        offset_ = {offset_.y * y, offset_.x * x};
        note();
    }

    /// Notes that the content moved by this many pixels.
    void moved(double y, double x) {
        offset_ = {offset_.y + y, offset_.x + x};
        notes["offset"] = Value::List{offset_.y, offset_.x};
    }

    /// Takes over what a model says of its input: `source_size`, `scale` or `offset`.
    void recall(const std::string& name, double y, double x) {
        if (name == "source_size") {
            sized_ = true;
            size_ = {y, x};
            notes[name] = Value::List{static_cast<std::int64_t>(y), static_cast<std::int64_t>(x)};
            return;
        }
        (name == "scale" ? scale_ : offset_) = {y, x};
        notes[name] = Value::List{y, x};
    }

    Pair scale() const { return scale_; }
    Pair offset() const { return offset_; }
    bool knows_source() const { return sized_; }

    /// Height and width of the decoded image; throws ContractViolation when no step noted it.
    Pair source_size() const {
        if (!sized_)
            throw ContractViolation("the size of the source image is not known here",
                                    "begin the preprocessing with decode_image");
        return size_;
    }

private:
    bool sized_ = false;
    Pair size_, scale_{1, 1}, offset_;

    void note() {
        notes["scale"] = Value::List{scale_.y, scale_.x};
        notes["offset"] = Value::List{offset_.y, offset_.x};
    }
};

}  // namespace seatrial
