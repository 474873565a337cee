// What goes wrong on purpose: each error says what happened, what was expected and what to do next.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace seatrial {

/// Base of all expected errors.
class Error : public std::runtime_error {
public:
    explicit Error(const std::string& message, std::string hint = "")
        : std::runtime_error(message), hint_(std::move(hint)) {}

    /// What to do about it; may be empty.
    const std::string& hint() const { return hint_; }

private:
    std::string hint_;
};

/// A payload, an array or an answer breaks the contract of the model.
class ContractViolation : public Error {
public:
    using Error::Error;
};

/// A file that was named is not there or cannot be read.
class NotFound : public Error {
public:
    using Error::Error;
};

/// The service does not answer, or not in time; the same request may be sent again.
class Unavailable : public Error {
public:
    using Error::Error;
};

/// The service or the engine refused the request.
class Refused : public Error {
public:
    using Error::Error;
};

}  // namespace seatrial
