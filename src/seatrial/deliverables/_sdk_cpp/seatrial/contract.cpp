#include "contract.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace seatrial {

namespace {

std::string wanted_text(const TensorSpec& spec) {
    std::string text = "[";
    for (std::size_t axis = 0; axis < spec.shape.size(); ++axis) {
        const Dimension& each = spec.shape[axis];
        text += (axis ? ", " : "") + (each.size >= 0 ? std::to_string(each.size) : each.name.empty() ? "?" : each.name);
    }
    return text + "]";
}

void check_shape(const TensorSpec& spec, const Tensor& array, std::map<std::string, std::int64_t>& named) {
    const std::string told = "input '" + spec.name + "' has shape " + text_of(array.shape) + ", and the model takes " + wanted_text(spec);
    if (array.shape.size() != spec.shape.size())
        throw ContractViolation(told + ": " + std::to_string(array.shape.size()) + " axes instead of " + std::to_string(spec.shape.size()));
    for (std::size_t axis = 0; axis < spec.shape.size(); ++axis) {
        const std::int64_t size = array.shape[axis];
        const Dimension& wanted = spec.shape[axis];
        if (size == 0 && wanted.size != 0) throw ContractViolation(told + ": axis " + std::to_string(axis) + " is empty");
        if (wanted.size >= 0 && size != wanted.size)
            throw ContractViolation(told + ": axis " + std::to_string(axis) + " is " + std::to_string(size) + " instead of " + std::to_string(wanted.size));
        if (wanted.size < 0 && !wanted.name.empty() && named.emplace(wanted.name, size).first->second != size)
            throw ContractViolation(told + ": '" + wanted.name + "' is " + std::to_string(size) + " here and " + std::to_string(named[wanted.name]) + " elsewhere");
    }
}

void check_values(const TensorSpec& spec, const Tensor& array) {
    if (array.dtype == DType::text) return;
    with_type(array.dtype, [&](auto zero) {
        const auto* from = array.as<decltype(zero)>();
        for (std::int64_t place = 0; place < array.size(); ++place) {
            const auto number = static_cast<double>(from[place]);
            if (std::isnan(number)) throw ContractViolation("input '" + spec.name + "' holds NaN");
            if (std::isinf(number) && number > 0 && !(spec.high && std::isinf(*spec.high)))
                throw ContractViolation("input '" + spec.name + "' holds infinity");
            if (spec.low && number < *spec.low)
                throw ContractViolation("input '" + spec.name + "' holds " + text_of(number) + ", and the smallest allowed is " + text_of(*spec.low));
            if (spec.high && number > *spec.high)
                throw ContractViolation("input '" + spec.name + "' holds " + text_of(number) + ", and the largest allowed is " + text_of(*spec.high));
        }
    });
}

Value shared_rows(const std::vector<Tensor>& outputs, const Tensor& array, const std::string& name, std::int64_t row) {
    const auto counts = std::find_if(outputs.begin(), outputs.end(), [&](const Tensor& each) {
        return &each != &array && each.rank() == 1 && is_integer(each.dtype);
    });
    if (counts == outputs.end()) {
        if (row == 0) return array;
        throw ContractViolation("output '" + name + "' is shared by the samples and nothing says how many rows each has");
    }
    std::int64_t start = 0, total = 0;
    bool fits = row < counts->size() && array.rank() > 0;
    for (std::int64_t place = 0; place < counts->size(); ++place) {
        const auto count = static_cast<std::int64_t>(counts->at(place));
        fits = fits && count >= 0;
        if (place < row) start += count;
        total += count;
    }
    if (!fits || total > array.shape[0])
        throw ContractViolation("output '" + name + "' of shape " + text_of(array.shape) + " does not fit the counts of rows");
    return array.rows(start, start + static_cast<std::int64_t>(counts->at(row)));
}

bool is_type(const Value& value, const std::string& type) {
    const auto* tensor = value.get<Tensor>();
    if (type == "array") return value.is<Value::List>() || (tensor && tensor->rank() > 0);
    if (type == "object") return value.is<Value::Map>();
    if (type == "string") return value.is<std::string>();
    if (type == "boolean") return value.is<bool>();
    if (type == "null") return value.is_null();
    const auto* real = value.get<double>();
    if (type == "integer") return value.is<std::int64_t>() || (real && *real == std::floor(*real)) || (tensor && tensor->rank() == 0 && is_integer(tensor->dtype));
    return value.is_number() || (tensor && tensor->rank() == 0);
}

void check_number(const Value& value, const Value& schema, const std::string& where) {
    const Value *low = schema.find("minimum"), *high = schema.find("maximum");
    if (low && value.number() < low->number()) throw ContractViolation(where + ": " + value.json() + " is less than the minimum of " + low->json());
    if (high && value.number() > high->number()) throw ContractViolation(where + ": " + value.json() + " is greater than the maximum of " + high->json());
}

}  // namespace

Feeds feeds_of(const Value& value, const std::vector<TensorSpec>& specs) {
    Feeds feeds;
    if (const auto* map = value.get<Value::Map>()) {
        for (const auto& [name, each] : *map) {
            const auto* array = each.get<Tensor>();
            if (!array) throw ContractViolation("input '" + name + "' is still " + each.describe() + " after the preprocessing, not an array");
            feeds.emplace_back(name, *array);
        }
    } else {
        if (specs.size() != 1)
            throw ContractViolation("the preprocessing gives one array and the model takes " + std::to_string(specs.size()) + " inputs");
        const auto* array = value.get<Tensor>();
        if (!array) throw ContractViolation("input '" + specs[0].name + "' is still " + value.describe() + " after the preprocessing, not an array");
        feeds.emplace_back(specs[0].name, *array);
    }
    for (auto& [name, array] : feeds) array.shape.insert(array.shape.begin(), 1);
    check_feeds(specs, feeds);
    return feeds;
}

void check_feeds(const std::vector<TensorSpec>& specs, const Feeds& feeds) {
    const auto known = [&](const std::string& name) { return std::any_of(specs.begin(), specs.end(), [&](const TensorSpec& each) { return each.name == name; }); };
    for (const auto& each : feeds)
        if (!known(each.first)) throw ContractViolation("the model has no input '" + each.first + "'");
    std::map<std::string, std::int64_t> named;
    for (const TensorSpec& spec : specs) {
        const auto found = std::find_if(feeds.begin(), feeds.end(), [&](const auto& each) { return each.first == spec.name; });
        if (found == feeds.end()) throw ContractViolation("the input '" + spec.name + "' is missing");
        if (name_of(found->second.dtype) != spec.dtype)
            throw ContractViolation("input '" + spec.name + "' is " + name_of(found->second.dtype) + ", and the model takes " + spec.dtype);
        check_shape(spec, found->second, named);
        check_values(spec, found->second);
    }
}

Value row_of(const std::vector<Tensor>& outputs, const std::vector<TensorSpec>& specs, std::int64_t row) {
    if (outputs.size() != specs.size())
        throw ContractViolation("the model gave " + std::to_string(outputs.size()) + " outputs, and the contract has " + std::to_string(specs.size()));
    Value::List parts;
    for (std::size_t place = 0; place < outputs.size(); ++place) {
        const Tensor& array = outputs[place];
        const TensorSpec& spec = specs[place];
        if (!spec.layout.empty() && spec.layout[0] != 'N') {
            parts.push_back(shared_rows(outputs, array, spec.name, row));
        } else if (array.rank() == 0 || row >= array.shape[0]) {
            throw ContractViolation("output '" + spec.name + "' of shape " + text_of(array.shape) + " has no row " + std::to_string(row));
        } else {
            Tensor part = array.rows(row, row + 1);
            part.shape.erase(part.shape.begin());
            parts.emplace_back(std::move(part));
        }
    }
    if (parts.size() == 1) {
        Value only = std::move(parts[0]);
        return only;
    }
    return parts;
}

void check_schema(const Value& value, const Value& schema, const std::string& where) {
    if (const Value* type = schema.find("type")) {
        bool fits = false;
        for (const Value& each : type->is<Value::List>() ? type->list() : Value::List{*type}) fits = fits || is_type(value, each.text());
        if (!fits) throw ContractViolation(where + ": " + value.describe() + " is not of type " + type->json());
    }
    if (const Value* one_of = schema.find("enum")) {
        const std::string text = value.json();
        const auto& all = one_of->list();
        if (std::none_of(all.begin(), all.end(), [&](const Value& each) { return each.json() == text; }))
            throw ContractViolation(where + ": " + text + " is not one of " + one_of->json());
    }
    if (value.is_number()) check_number(value, schema, where);
    if (const auto* list = value.get<Value::List>()) {
        const Value *least = schema.find("minItems"), *most = schema.find("maxItems"), *items = schema.find("items");
        if (least && static_cast<double>(list->size()) < least->number()) throw ContractViolation(where + " is too short");
        if (most && static_cast<double>(list->size()) > most->number()) throw ContractViolation(where + " is too long");
        for (std::size_t place = 0; items && place < list->size(); ++place)
            check_schema((*list)[place], *items, where + "[" + std::to_string(place) + "]");
    }
    if (!value.is<Value::Map>()) return;
    if (const Value* required = schema.find("required"))
        for (const Value& key : required->list())
            if (!value.find(key.text())) throw ContractViolation(where + ": '" + key.text() + "' is a required property");
    if (const Value* properties = schema.find("properties"))
        if (const auto* all = properties->get<Value::Map>())
            for (const auto& [key, part] : *all)
                if (const Value* found = value.find(key)) check_schema(*found, part, where + "." + key);
}

}  // namespace seatrial
