"""Every expected error has a status, and a bug tells nothing."""

from __future__ import annotations

from typing import get_args

import grpc
import pytest

from seatrial import errors
from seatrial.serve import status
from seatrial.serve.status import PHRASES, Reason, Refusal, grpc_code_of, status_of, told


def test_each_status_has_its_phrase() -> None:
    reasons = [status_of(Refusal(each, "no")) for each in get_args(Reason)]
    kinds = [status_of(errors.EngineFailure("x", kind=each)) for each in get_args(errors.FailureKind)]
    assert {*reasons, *kinds, status.OK, status.BUSY, status.BUG} <= set(PHRASES)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.NotFound("x"), 404),
        (errors.UsageError("x"), 400),
        (errors.ContractViolation("x"), 400),
        (errors.UnsupportedModel("x"), 422),
        (errors.TrustError("x"), 403),
        (errors.Unavailable("x"), 503),
        (TimeoutError("x"), 504),
        (errors.EngineFailure("x", kind="exception"), 422),
        (errors.EngineFailure("x", kind="signal"), 500),
        (errors.EngineFailure("x", kind="timeout"), 504),
        (errors.EngineFailure("x", kind="memory"), 507),
        (Refusal("too-large", "x"), 413),
        (ZeroDivisionError("x"), 500),
    ],
)
def test_the_table(error: BaseException, expected: int) -> None:
    assert status_of(error) == expected
    assert expected in PHRASES


def test_a_bug_keeps_its_words_to_itself() -> None:
    assert "secret" not in told(ValueError("secret"))
    assert told(errors.UsageError("what", hint="do this")) == "what (do this)"
    assert told(TimeoutError("too late")) == "too late"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), "INVALID_ARGUMENT"),
        (errors.NotFound("x"), "NOT_FOUND"),
        (errors.ContractViolation("x"), "INVALID_ARGUMENT"),
        (errors.EngineFailure("x", kind="exception"), "INVALID_ARGUMENT"),
        (errors.EngineFailure("x", kind="signal"), "INTERNAL"),
        (errors.EngineFailure("x", kind="memory"), "RESOURCE_EXHAUSTED"),
        (errors.EngineFailure("x", kind="timeout"), "DEADLINE_EXCEEDED"),
        (errors.Unavailable("x"), "UNAVAILABLE"),
        (TimeoutError("x"), "DEADLINE_EXCEEDED"),
        (Refusal("not-offered", "x"), "UNIMPLEMENTED"),
        (Refusal("too-large", "x"), "RESOURCE_EXHAUSTED"),
        (Refusal("no-key", "x"), "UNAUTHENTICATED"),
        (Refusal("not-allowed", "x"), "PERMISSION_DENIED"),
        (Refusal("method", "x"), "UNKNOWN"),
        (RuntimeError("x"), "INTERNAL"),
    ],
    ids=lambda each: (
        each
        if isinstance(each, str)
        else f"{type(each).__name__}-{getattr(each, 'reason', '')}{getattr(each, 'kind', '')}"
    ),
)
def test_grpc_says_the_same_in_its_own_codes(error: BaseException, code: str) -> None:
    assert grpc_code_of(error) == code
    assert code in grpc.StatusCode.__members__
