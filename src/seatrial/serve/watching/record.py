"""What is told of one request once it is answered: how long each phase took, what came in, what became of it.

Never the content: digests, lengths, sizes and shapes only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from seatrial.serve.batching.queueing import Request
from seatrial.serve.call import Call
from seatrial.serve.limits import picture_size as header_size
from seatrial.serve.model import ServedModel
from seatrial.serve.status import Code, verdict_of

MOST_TENSORS = 16  # told by shape in one line
LONGEST_ERROR = 300


class Interval(NamedTuple):
    """One phase of a request; a tuple, because five are made for each line.

    Attributes:
        name: `read`, `prepare`, `queue`, `device` or `answer`.
        began: On the server's clock in seconds.
        ended: Likewise.
        model: Whose queue or device it was.
        request: What the batcher made of it.
    """

    name: str
    began: float
    ended: float
    model: ServedModel | None = None
    request: Request | None = None


def intervals(call: Call, now: float) -> Iterator[Interval]:
    """The phases of a call, in order; a pipeline's models may overlap.

    Args:
        call: Before it lets go of its stages.
        now: When it was answered.
    """
    yield Interval("read", call.began, call.complete)
    stages = call.stages
    if not stages:
        yield Interval("answer", call.complete, now)
        return
    yield Interval("prepare", call.complete, stages[0][1].arrived)
    last = stages[0][1].arrived
    for model, request in stages:
        run = request.run
        if run is None:  # it was never on a device
            yield Interval("queue", request.arrived, now, model, request)
            last = now
            continue
        ended = run.ended or now
        yield Interval("queue", request.arrived, run.began, model, request)
        yield Interval("device", run.began, ended, model, request)
        last = max(last, ended)
    yield Interval("answer", last, now)


def verdict(call: Call, code: Code) -> str:
    """What became of a call in one word: `ok`, `degraded`, `refused`, `error` or `gone`.

    Protocols that answer errors with a good code (Paddle Serving's) have said so in `call.error`.
    """
    found = verdict_of(code)
    if found != "ok":
        return found
    if call.error:
        return "error"
    return "degraded" if call.degraded else "ok"


def fields_of(call: Call, code: Code, now: float) -> dict[str, Any]:
    """What a line tells of a call, but for the time and the digest.

    Args:
        call: Before it lets go of its stages.
        code: What it was answered with.
        now: When, on the server's clock.
    """
    fields: dict[str, Any] = {
        "log_id": call.log_id,
        "trace_id": call.trace_id,
        "client": call.client,
        "route": call.route,
        "model": call.model,
        "version": call.version,
        "code": code,
        "verdict": verdict(call, code),
    }
    if call.degraded:
        fields |= {"rung": call.degraded, "why": call.why}
    if call.error:
        fields["error"] = call.error[:LONGEST_ERROR]
    fields["seconds"] = _seconds(call, now)
    if call.stages:
        fields |= _batch(call)
    fields["input"] = _tensors(call)
    return fields


def _seconds(call: Call, now: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, began, ended, _, _ in intervals(call, now):
        found[name] = found.get(name, 0.0) + (ended - began)
    found |= call.seconds
    found["total"] = now - call.began
    return {name: int(max(seconds, 0.0) * 1e6) / 1e6 for name, seconds in found.items()}


def _batch(call: Call) -> dict[str, Any]:
    _, request = call.stages[-1]
    told: dict[str, Any] = {"rows": request.rows}
    if request.run is not None:
        told |= {"batch_rows": request.run.rows, "device": request.run.device}
    if len(call.stages) > 1:
        stages: dict[str, int] = {}
        for model, _ in call.stages:
            stages[model.name] = stages.get(model.name, 0) + 1
        told["stages"] = stages
    return told


def _tensors(call: Call) -> dict[str, Any]:
    """What came in, without looking into it."""
    told = dict(call.facts)
    if isinstance(call.payload, str):
        told["text_length"] = len(call.payload)
    if call.stages:
        feeds = call.stages[0][1].feeds
        told["tensors"] = {name: list(feeds[name].shape) for name in list(feeds)[:MOST_TENSORS]}
        texts = [each for each in feeds.values() if each.dtype.kind in "OUS"]
        if texts and "text_length" not in told:
            told["text_length"] = sum(len(each) for array in texts for each in np.ravel(array)[:64])
    if call.body:
        told["bytes"] = len(call.body)
    return told


def picture_size(data: bytes) -> list[int] | None:
    """Width and height of a picture from its first bytes; None: it is none that can be read."""
    size = header_size(data)
    return None if size is None else list(size)
