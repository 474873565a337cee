"""Every expected error has a status, and a bug tells nothing."""

from __future__ import annotations

from typing import get_args

import pytest

from seatrial import errors
from seatrial.serve import status
from seatrial.serve.status import PHRASES, Reason, Refusal, status_of, told


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
