"""Every error that Seatrial raises on purpose, in one tree.

    SeatrialError(message, hint)
      UsageError          the caller asked for something that cannot be done
        NotFound          a file, a baseline, an extension that is not there
        MissingDependency an engine that is not installed; names the extra
      ModelError          the model or its contract is at fault
        UnsupportedModel  not a model we know, or a version from the future
        ContractViolation data or a tensor that breaks the contract
        EngineFailure     the engine refused, died, hung or ate its memory
      TrustError          a digest or a signature does not match
      Unavailable         something that should answer does not

`message` says what happened and what was expected, `hint` what to do next.
"""

from __future__ import annotations

from typing import Literal


class SeatrialError(Exception):
    """Base of all expected errors; printed without a traceback.

    Args:
        message: What happened and what was expected.
        hint: What the user can do about it; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SeatrialError):
    """The call itself is wrong: an unknown option value, two models in one folder, an empty data set."""


class NotFound(UsageError):
    """Something named by the caller does not exist."""


class MissingDependency(UsageError):
    """An optional engine is needed and not installed."""


class ModelError(SeatrialError):
    """The model, its files or its contract are at fault."""


class UnsupportedModel(ModelError):
    """The files are no model we can read, or of a version nobody here knows."""


class ContractViolation(ModelError):
    """A tensor, a sample or a contract file breaks the contract."""


FailureKind = Literal["exception", "signal", "timeout", "memory"]


class EngineFailure(ModelError):
    """An engine failed while it held a model, in its own process.

    Args:
        message: What happened, naming the input where there is one.
        kind: `exception` (the engine raised), `signal` (it was killed by one), `timeout` or `memory`.
        signal_name: `SIGSEGV`, `SIGABRT`...; empty unless `kind` is `signal`.
        hint: What to do about it.
    """

    def __init__(self, message: str, *, kind: FailureKind, signal_name: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.signal_name = signal_name


class TrustError(SeatrialError):
    """The bytes are not the bytes that were vouched for."""


class Unavailable(SeatrialError):
    """A service, a device or a worker does not answer."""
