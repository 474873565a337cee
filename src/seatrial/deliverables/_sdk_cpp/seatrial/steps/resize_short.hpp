// Brings the short side to a size; the other follows.
#pragma once

#include "../resample.hpp"
#include "values.hpp"

namespace seatrial::steps {

struct ResizeShortOptions {
    std::int64_t size = 0;
    std::string interpolation = "linear";
    std::string library = "opencv";
};

/// Both sides by size / short side, rounded.
inline Value resize_short(const Value& value, Context& context, const ResizeShortOptions& options) {
    return resample_side(as_image(value), false, options.size, context, options.interpolation, options.library);
}

}  // namespace seatrial::steps
