#include "value.hpp"

namespace seatrial {

double Value::number() const {
    if (const auto* whole = get<std::int64_t>()) return static_cast<double>(*whole);
    if (const auto* real = get<double>()) return *real;
    throw ContractViolation("takes a number, not " + describe());
}

const std::string& Value::text() const {
    if (const auto* found = get<std::string>()) return *found;
    throw ContractViolation("takes text, not " + describe());
}

const Value* Value::find(const std::string& key) const {
    if (const auto* map = get<Map>())
        for (const auto& [name, value] : *map)
            if (name == key) return &value;
    return nullptr;
}

const Value& Value::at(const std::string& key) const {
    if (const Value* found = find(key)) return *found;
    throw ContractViolation("there is no '" + key + "' in " + describe());
}

const Value::List& Value::list() const {
    if (const auto* found = get<List>()) return *found;
    throw ContractViolation("takes a list, not " + describe());
}

std::string Value::describe() const {
    if (const auto* tensor = get<Tensor>())
        return std::string("an array of ") + name_of(tensor->dtype) + " with shape " + text_of(tensor->shape);
    if (is_null()) return "nothing";
    if (is<bool>()) return "a truth value";
    if (is<std::int64_t>()) return "a whole number";
    if (is<double>()) return "a number";
    if (is<std::string>()) return "text";
    if (is<Bytes>()) return "bytes";
    return is<List>() ? "a list" : "a mapping";
}

}  // namespace seatrial
