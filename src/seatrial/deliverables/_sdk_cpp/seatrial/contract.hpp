// What goes in and out of the model, and the guards at both ends.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "context.hpp"

namespace seatrial {

/// One size of a shape: a number, or free; free ones of one name are equal.
struct Dimension {
    std::int64_t size = -1;  ///< -1: free
    std::string name;
};

/// One input or output of the model.
struct TensorSpec {
    std::string name;
    std::string dtype;
    std::vector<Dimension> shape;  ///< axis 0 is the batch
    std::string layout;
    std::optional<double> low, high;  ///< smallest and largest value allowed
};

/// Arrays by input name, batch axis included.
using Feeds = std::vector<std::pair<std::string, Tensor>>;

/// What the preprocessing gave as feeds with a batch axis of 1: one array, or arrays by input name.
Feeds feeds_of(const Value& value, const std::vector<TensorSpec>& specs);

/// Refuses feeds that break the specs before the engine sees them: a wrong id can kill the process.
void check_feeds(const std::vector<TensorSpec>& specs, const Feeds& feeds);

/// The part of the outputs that belongs to one sample; a single output comes bare.
Value row_of(const std::vector<Tensor>& outputs, const std::vector<TensorSpec>& specs, std::int64_t row);

/// Throws ContractViolation where an answer breaks a JSON Schema. Reads type, enum, required, properties, items,
/// minItems, maxItems, minimum and maximum.
void check_schema(const Value& value, const Value& schema, const std::string& where = "answer");

}  // namespace seatrial
