// Pads to a size or to a multiple: after what is there, before it or around it.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct PadOptions {
    Integers axes;
    Integers to;
    std::int64_t multiple = 1;
    double fill = 0.0;
    std::string where = "end";
};

/// One axis grown by `before` and `after` entries of `fill`, which is one number of the array's type.
inline Tensor grown(const Tensor& array, std::int64_t axis, std::int64_t before, std::int64_t after, const Tensor& fill) {
    const Around part = around(array, axis);
    Shape shape = array.shape;
    shape[static_cast<std::size_t>(axis)] += before + after;
    Tensor result(array.dtype, shape);
    const std::size_t item = item_size(array.dtype);
    for (std::int64_t place = 0; place < result.size(); ++place)
        std::memcpy(&result.bytes[static_cast<std::size_t>(place) * item], fill.bytes.data(), item);
    const std::size_t block = static_cast<std::size_t>(part.length * part.inner) * item;
    const std::size_t stride = static_cast<std::size_t>((part.length + before + after) * part.inner) * item;
    const std::size_t start = static_cast<std::size_t>(before * part.inner) * item;
    for (std::int64_t outer = 0; outer < part.outer && block; ++outer)
        std::memcpy(&result.bytes[static_cast<std::size_t>(outer) * stride + start],
                    &array.bytes[static_cast<std::size_t>(outer) * block], block);
    return result;
}

/// Grows each of `axes` to at least the number in `to`, then to the next `multiple`; never cuts.
inline Value pad(const Value& value, Context& context, const PadOptions& options) {
    constexpr std::int64_t kMost = std::int64_t{1} << 28;
    Tensor array = as_array(value);
    if (!options.to.empty() && options.to.size() != options.axes.size())
        throw ContractViolation("to has " + std::to_string(options.to.size()) + " numbers and axes " +
                                std::to_string(options.axes.size()));
    if (options.multiple < 1)
        throw ContractViolation("multiple is " + std::to_string(options.multiple) + " and must be 1 or more");
    Tensor fill(DType::float64, {1});
    fill.as<double>()[0] = options.fill;
    const Tensor fitting = converted(fill, array.dtype);
    if (is_integer(array.dtype) && fitting.at(0) != options.fill)
        throw ContractViolation("fill " + text_of(options.fill) + " does not fit into " + name_of(array.dtype));
    Numbers moves;
    for (std::size_t place = 0; place < options.axes.size(); ++place) {
        const std::int64_t axis = axis_of(array, options.axes[place]);
        const std::int64_t now = array.shape[static_cast<std::size_t>(axis)];
        const std::int64_t size = std::max(now, options.to.empty() ? 0 : options.to[place]);
        const std::int64_t more = (size + options.multiple - 1) / options.multiple * options.multiple - now;
        const std::int64_t before = options.where == "end" ? 0 : options.where == "center" ? more / 2 : more;
        moves.push_back(static_cast<double>(before));
        if (!more) continue;
        if (now && array.size() / now > kMost / (now + more))
            throw ContractViolation("the result would hold more than " + std::to_string(kMost) + " numbers");
        array = grown(array, axis, before, more - before, fitting);
    }
    if (options.where != "end" && moves.size() == 2) context.moved(moves[0], moves[1]);
    return array;
}

}  // namespace seatrial::steps
