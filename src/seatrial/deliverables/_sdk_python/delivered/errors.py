"""What can go wrong, each with what happened and what to do."""

from __future__ import annotations


class DeliveredError(Exception):
    """Base of all errors here.

    Args:
        message: What happened and what was expected.
        hint: What to do; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class ContractViolation(DeliveredError):
    """A sample, a tensor or an answer is not what the contract says."""


class NoRuntime(DeliveredError):
    """No engine is installed that runs one of the delivered models."""


class ServerError(DeliveredError):
    """The server refused, failed or cannot be reached.

    Args:
        message: What happened.
        status: HTTP status; 0 when there was no answer.
        hint: What to do.
    """

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
