"""Which HTTP status an outcome has: the one table of the server. Nothing else in `serve` knows a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from seatrial.errors import (
    ContractViolation,
    EngineFailure,
    ModelError,
    NotFound,
    SeatrialError,
    TrustError,
    Unavailable,
    UsageError,
)
from seatrial.trust.refusals import OverRate

Reason = Literal[
    "malformed",
    "no-key",
    "not-allowed",
    "no-such-path",
    "method",
    "slow",
    "no-length",
    "too-large",
    "media-type",
    "expectation",
    "header-too-large",
    "not-offered",
]

_REASONS: dict[Reason, int] = {
    "malformed": 400,
    "no-key": 401,
    "not-allowed": 403,
    "no-such-path": 404,
    "method": 405,
    "slow": 408,
    "no-length": 411,
    "too-large": 413,
    "media-type": 415,
    "expectation": 417,
    "header-too-large": 431,
    "not-offered": 501,
}

# The first that fits. What breaks the contract is 400, as in the peers that speak the same protocol.
_ERRORS: tuple[tuple[type[BaseException], int], ...] = (
    (NotFound, 404),
    (UsageError, 400),
    (ContractViolation, 400),
    (ModelError, 422),
    (TrustError, 403),
    (OverRate, 429),
    (Unavailable, 503),
    (TimeoutError, 504),
)

# An engine that refused the numbers says so about the request; one that died says it about us.
_ENGINE = {"exception": 422, "signal": 500, "memory": 507, "timeout": 504}

OK = 200
BUSY = 503
BUG = 500
GONE = 499  # never sent: what counts and logs say when the client left before its answer

PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    507: "Insufficient Storage",
}


class Refusal(UsageError):
    """A request that never reached a model: its path, its method, its size, its form.

    Args:
        reason: Chooses the status.
        message: What was expected.
        hint: What to do.
        headers: That go with the answer, such as `Allow`.
    """

    def __init__(
        self, reason: Reason, message: str, *, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason: Reason = reason
        self.headers = headers or {}


def status_of(error: BaseException) -> int:
    """The status an error is answered with; a bug is 500."""
    if isinstance(error, Refusal):
        return _REASONS[error.reason]
    if isinstance(error, EngineFailure):
        return _ENGINE[error.kind]
    return next((status for family, status in _ERRORS if isinstance(error, family)), BUG)


def told(error: BaseException) -> str:
    """What the client may read: our own words, never those of a bug."""
    if isinstance(error, SeatrialError):
        return error.message + (f" ({error.hint})" if error.hint else "")
    return str(error) if isinstance(error, TimeoutError) else "the server failed; its log says why"


Code = int | str  # of an answer: a number over HTTP, a name over gRPC

_GRPC_REFUSED = (
    "INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "FAILED_PRECONDITION",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED", "UNAVAILABLE",
)  # fmt: skip


def verdict_of(code: Code) -> str:
    """What an answer says in one word: `ok`, `refused` (by rule or for lack of room), `error` or `gone`."""
    if isinstance(code, str):
        if code in ("OK", "CANCELLED"):
            return "ok" if code == "OK" else "gone"
        return "refused" if code in _GRPC_REFUSED else "error"
    if code < 400:
        return "ok"
    if code == GONE:
        return "gone"
    return "refused" if code < BUG or code == BUSY else "error"


def servers_fault(status: int) -> bool:
    """Whether a server says with this that it is itself at fault, not the request."""
    return status >= 500


# By HTTP status: one table decides what an error is, this one how gRPC says it, whose codes have names here.
_GRPC = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    431: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    507: "RESOURCE_EXHAUSTED",
}


def grpc_code_of(error: BaseException) -> str:
    """The gRPC status an error is answered with, by name; what HTTP alone knows is `UNKNOWN`."""
    return _GRPC.get(status_of(error), "UNKNOWN")
