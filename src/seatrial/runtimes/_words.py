"""Turns what engines say when they fail into what a person can use."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seatrial.contract.sample import Array
from seatrial.errors import FailureKind
from seatrial.runtimes._session import SessionOptions

DOING = {"run": "running", "trace": "tracing", "gradients": "differentiating", "time": "timing"}
TIMEOUT_HINT = "the input may be too large, or the engine hangs; raise `timeout` if it only needs longer"
_CRASH_HINT = (
    "a value out of range (an id beyond the vocabulary, a length beyond the sequence) is the usual cause; "
    "bound it in the contract with `low` and `high`, or report the input with the model"
)
_LONGEST = 600
_NOISE = re.compile(
    r"^(-+|C\+\+ Traceback.*|Traceback \(most recent.*|\d+ +.*\(.*\)?|Not support stack.*|File \".*"
    r"|\[SignalInfo.*|\[TimeInfo.*|[WIE]\d{4} .*|No stack trace.*|FatalError: .* is detected by .*)$"
)
_SUMMARY = "Error Message Summary:"


class End(NamedTuple):
    """How a worker ended, in words."""

    sentence: str
    kind: FailureKind
    signal_name: str
    hint: str


def describe(feeds: Mapping[str, Array]) -> str:
    """Names every array with its dtype, shape and range: what is needed to reproduce a failure."""
    if not feeds:
        return "no inputs"
    return ", ".join(
        f"{name}: {array.dtype}{list(array.shape)}{_range(array)}" for name, array in feeds.items()
    )


def _range(array: Array) -> str:
    if not array.size or array.dtype.kind not in "biuf":
        return ""
    numbers = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    strange = array.size - numbers.size
    span = f" in {numbers.min():g}..{numbers.max():g}" if numbers.size else ""
    return span + (f" with {strange} not finite" if strange else "")


def plain_words(text: str) -> str:
    """Drops stack traces, source places and log prefixes; keeps what is left, short."""
    # Paddle puts its reason after this line, and the stack before; after a signal the reason came earlier.
    before, found, after = text.rpartition(_SUMMARY)
    kept = _kept(after) or (_kept(before.partition("C++ Traceback")[0]) if found else "")
    return kept if len(kept) <= _LONGEST else "..." + kept[-_LONGEST:]


def _kept(text: str) -> str:
    text = re.sub(r"\(at [^()]*:\d+\)", "", text)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"/[\w./+-]+/(?=[\w.+-]+\.(?:cc|cpp|h|hpp|cu|py)\b)", "", text)
    lines = [each.strip() for each in text.splitlines()]
    return " ".join(dict.fromkeys(each for each in lines if each and not _NOISE.match(each)))


def hint(said: str) -> str:
    """What to do about an exception, as far as its text tells."""
    if "std::exception" in said or "layout" in said:
        return "the engine gives no reason; compare shapes and dtypes with `seatrial inspect`"
    return "`seatrial inspect` shows what the model takes"


def memory_hint(options: SessionOptions) -> str:
    """What to do when a worker outgrew its limit."""
    return f"it may hold {options.memory_limit >> 20} MiB; use smaller batches, or raise `memory_limit`"


def judge_end(code: int | None, last: str, options: SessionOptions, *, out_of_memory: bool) -> End:
    """Says how a worker ended.

    Args:
        code: Exit code, negative for a signal; None when it is not known.
        last: The end of its stderr.
        options: Of the session.
        out_of_memory: Whether the kernel killed something for memory meanwhile.
    """
    if any(each in last for each in ("bad_alloc", "MemoryError", "Cannot allocate memory", "Out of memory")):
        return End("ran out of memory", "memory", "", memory_hint(options))
    if code is None:
        return End("vanished, and so did the process that started it", "signal", "SIGKILL", _CRASH_HINT)
    if code >= 0:
        return End(f"ended its own process with exit code {code}", "signal", "", _CRASH_HINT)
    name = signal.Signals(-code).name
    if name == "SIGXCPU":
        return End(f"used up its {options.cpu_limit} CPU seconds", "timeout", name, TIMEOUT_HINT)
    if name == "SIGKILL" and out_of_memory:
        return End("was killed because the machine ran out of memory", "memory", name, memory_hint(options))
    return End(f"was killed by {name}", "signal", name, _CRASH_HINT)


def oom_kills() -> int:
    """How often the kernel killed something of this control group for memory; 0 when not told."""
    try:
        lines = Path("/sys/fs/cgroup/memory.events").read_text("ascii").splitlines()
    except OSError:
        return 0
    counts = dict(each.split() for each in lines)
    return int(counts.get("oom_kill", 0))
