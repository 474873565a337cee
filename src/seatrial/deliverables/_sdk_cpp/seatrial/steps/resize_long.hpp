// Brings the long side to a size; the other follows.
#pragma once

#include "../resample.hpp"
#include "values.hpp"

namespace seatrial::steps {

struct ResizeLongOptions {
    std::int64_t size = 0;
    std::string interpolation = "linear";
    std::string library = "opencv";
};

/// Both sides by size / long side, rounded.
inline Value resize_long(const Value& value, Context& context, const ResizeLongOptions& options) {
    return resample_side(as_image(value), true, options.size, context, options.interpolation, options.library);
}

}  // namespace seatrial::steps
