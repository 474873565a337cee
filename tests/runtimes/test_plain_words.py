"""What engines say becomes what a person can use."""

from __future__ import annotations

import numpy as np
import pytest

from seatrial.runtimes import SessionOptions, describe, plain_words
from seatrial.runtimes._words import judge_end

PADDLE = """

--------------------------------------
C++ Traceback (most recent call last):
--------------------------------------
0   paddle::AnalysisPredictor::ZeroCopyRun(bool)
1   phi::MatmulInferMeta(phi::MetaTensor const&, bool)

----------------------
Error Message Summary:
----------------------
InvalidArgumentError: Input X's width should be equal to the Y's height, but received X's shape: [2, 5].
  [Hint: Expected mat_dim_x.width_ == mat_dim_y.height_.] (at /paddle/paddle/phi/kernels/impl/matmul.h:1314)
"""
ABORTED = """[Paddle2ONNX] Start parsing the Paddle model file...
[ERROR][Paddle2ONNX] Due to the unsupported operators, the conversion is aborted.

C++ Traceback (most recent call last):
--------------------------------------
0   paddle2onnx::Export(char const*, char const*)
Error Message Summary:
----------------------
FatalError: `Process abort signal` is detected by the operating system.
  [TimeInfo: *** Aborted at 1795239490 (unix time) ***]
  [SignalInfo: *** SIGABRT (@0x472f) received by PID 18223 (TID 0x7f4) from PID 18223 ***]
"""


def test_the_reason_stays_and_the_stack_goes():
    words = plain_words(PADDLE)
    assert words.startswith("InvalidArgumentError: Input X's width")
    assert "Hint: Expected mat_dim_x.width_" in words
    assert "matmul.h" not in words
    assert "ZeroCopyRun" not in words


def test_after_a_signal_the_reason_is_what_came_before():
    words = plain_words(ABORTED)
    assert "unsupported operators" in words
    assert "detected by" not in words
    assert "PID" not in words


def test_words_are_few():
    assert len(plain_words("a long story " * 900)) < 700
    assert plain_words("") == ""
    assert plain_words("same\nsame\nsame") == "same"


def test_arrays_are_described_with_their_range():
    feeds = {
        "x": np.array([[1.5, np.nan]], "float32"),
        "ids": np.array([3, 10**9]),
        "words": np.array(["a"], dtype=object),
        "none": np.zeros((0, 2), "int32"),
    }
    assert describe(feeds) == (
        "x: float32[1, 2] in 1.5..1.5 with 1 not finite, ids: int64[2] in 3..1e+09, "
        "words: object[1], none: int32[0, 2]"
    )
    assert describe({}) == "no inputs"


@pytest.mark.parametrize(
    ("code", "last", "starved", "kind", "name"),
    [
        (-11, "", False, "signal", "SIGSEGV"),
        (-6, "std::bad_alloc", False, "memory", ""),
        (-9, "", True, "memory", "SIGKILL"),
        (-9, "", False, "signal", "SIGKILL"),
        (-24, "", False, "timeout", "SIGXCPU"),
        (1, "", False, "signal", ""),
        (None, "", False, "signal", "SIGKILL"),
    ],
)
def test_an_end_is_judged(code, last, starved, kind, name):
    end = judge_end(code, last, SessionOptions(), out_of_memory=starved)
    assert (end.kind, end.signal_name) == (kind, name)
    assert end.sentence
    assert end.hint
