// Takes what a model says of its input's geometry aside, for a later step.
#pragma once

#include "values.hpp"

namespace seatrial::steps {

struct NoteOptions {
    Strings names;
};

/// The last outputs become the notes `names`, in their order; the others go on, a single one bare.
inline Value note(const Value& value, Context& context, const NoteOptions& options) {
    const auto* several = value.get<Value::List>();
    if (!several || several->size() <= options.names.size())
        throw ContractViolation("takes more than " + std::to_string(options.names.size()) + " outputs, not " +
                                value.describe());
    const std::size_t first = several->size() - options.names.size();
    for (std::size_t place = 0; place < options.names.size(); ++place) {
        const Tensor pair = as_array((*several)[first + place], 1, "two numbers");
        const std::string& name = options.names[place];
        if (pair.size() != 2 || (name == "source_size" && !is_integer(pair.dtype)))
            throw ContractViolation("'" + name + "' is two numbers, whole ones for a size");
        context.recall(name, pair.at(0), pair.at(1));
    }
    if (first == 1) return several->front();
    return Value::List(several->begin(), several->begin() + static_cast<std::ptrdiff_t>(first));
}

}  // namespace seatrial::steps
