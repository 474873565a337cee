"""Whether a model can answer one more request in time, before it is asked."""

from __future__ import annotations

from typing import Literal

from seatrial.errors import EngineFailure, Unavailable
from seatrial.serve.model import ServedModel
from seatrial.trust.refusals import OverRate

Why = Literal["queue", "deadline", "device"]


def seconds_until(model: ServedModel, rows: int) -> float:
    """When an answer can be expected: what waits at the rate of the profile, then the request itself.

    A batch that is under way counts by half, as what is left of it on average. 0 where nothing was measured.
    """
    batcher, profile = model.batcher, model.profile
    rate = profile.rate * len(batcher.devices)
    wait = batcher.queue.rows / rate if rate else 0.0
    if not any(each.free for each in batcher.devices):
        wait += profile.service(model.choice.max_batch_size) / 2
    return wait + profile.service(rows)


def late(model: ServedModel, rows: int, deadline: float | None) -> bool:
    """Whether the deadline would be missed."""
    return deadline is not None and model.batcher.clock() + seconds_until(model, rows) > deadline


def crowded(model: ServedModel, rows: int, queue_rows: int | None) -> bool:
    """Whether too much waits: from `queue_rows` on, or when there is no room for this request."""
    queue = model.batcher.queue
    if queue_rows is not None:
        return queue.rows >= queue_rows
    return queue.rows > 0 and queue.rows + rows > queue.policy.max_queue_size


def why_failed(model: ServedModel, error: BaseException) -> Why | None:
    """Which of the reasons to step down an error is; None: it is the request's own, and stays an error."""
    if isinstance(error, TimeoutError):
        return "deadline"
    if isinstance(error, OverRate):
        return None  # whoever asks is too fast, not the model too slow
    if isinstance(error, Unavailable):
        return "queue" if model.ready else "device"
    if isinstance(error, EngineFailure) and error.kind != "exception":
        return "device"
    return None
