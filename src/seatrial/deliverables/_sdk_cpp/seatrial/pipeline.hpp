// From a payload to the arrays that the model takes, and from its arrays to the answer, as the contract says.
#pragma once

#include <string>
#include <vector>

#include "contract.hpp"

namespace seatrial {

/// A sample on its way: its arrays, and what the postprocessing has to know of it.
struct Prepared {
    Feeds feeds;
    Context context;
};

/// A payload (picture bytes, a file name, text, an array...) -> arrays by input name, with a batch axis of 1.
/// Throws ContractViolation when the payload cannot be read or does not fit the model; the message names the step.
Prepared prepare(const Value& payload);

/// Row `row` of the model's outputs (in the contract's order, batch axis included) -> the answer.
Value answer_of(const std::vector<Tensor>& outputs, std::int64_t row, Context& context);

// From the contract.
const std::vector<TensorSpec>& inputs();
const std::vector<TensorSpec>& outputs();
const Names& names();
bool batches_freely();                     ///< whether several samples may travel in one call
extern const char* const kModelName;
extern const char* const kModelVersion;
extern const char* const kContractDigest;

/// Runs one step; its errors say which step it was.
template <class Step, class Options>
Value run_step(int place, const char* name, Step step, const Value& value, Context& context, const Options& options) {
    try {
        return step(value, context, options);
    } catch (const Error& error) {
        throw ContractViolation("step " + std::to_string(place) + " (" + name + "): " + error.what(), error.hint());
    }
}

}  // namespace seatrial
