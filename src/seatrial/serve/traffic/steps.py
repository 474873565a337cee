"""What a rung of the ladder does with a request that its model cannot answer in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from weakref import WeakKeyDictionary

from seatrial.contract import TensorSpec
from seatrial.contract.feeds import digest
from seatrial.contract.sample import Array
from seatrial.errors import NotFound, SeatrialError, Unavailable
from seatrial.serve.model import ServedModel
from seatrial.serve.traffic.answers import Answers
from seatrial.serve.traffic.ask import Ask, Cancel
from seatrial.serve.traffic.pressure import crowded, late
from seatrial.serve.traffic.remote import HOP, RemoteModel

_log = logging.getLogger("seatrial.serve")

Find = Callable[[], ServedModel]


class Step(Protocol):
    """One thing that can be done instead of asking the model."""

    @property
    def name(self) -> str:
        """What the answer says of itself."""
        ...

    def take(self, model: ServedModel, ask: Ask, rows: int) -> Cancel | None:
        """Answers instead of `model`, later; None: it cannot at the moment.

        Args:
            model: Who was asked.
            ask: Its feeds obey the model's specs.
            rows: Of the request.
        """
        ...


@dataclass
class OtherModel:
    """Asks another model of this server.

    Args:
        name: What the answer says of itself.
        find: The other model as it is now; may raise `NotFound`.
    """

    name: str
    find: Find
    _judged: WeakKeyDictionary[ServedModel, WeakKeyDictionary[ServedModel, str]] = field(
        default_factory=WeakKeyDictionary, repr=False
    )

    def take(self, model: ServedModel, ask: Ask, rows: int) -> Cancel | None:
        """See `Step`: not when the other one does not fit, is not ready, has no room or would be late."""
        try:
            other = self.find()
        except NotFound:
            return None
        if other is model or not other.ready or self._misfit(model, other):
            return None
        if crowded(other, rows, None) or late(other, rows, ask.deadline):
            return None
        try:
            return partial(other.batcher.cancel, ask.of(other))
        except SeatrialError:
            return None  # such as more rows than it takes at a time: the next rung may

    def _misfit(self, model: ServedModel, other: ServedModel) -> str:
        known = self._judged.setdefault(model, WeakKeyDictionary())
        why = known.get(other)
        if why is None:
            why = known[other] = misfit(model, other)
            if why:
                _log.warning("%s:%s cannot step down to %s: %s", model.name, model.version, self.name, why)
        return why


@dataclass
class CachedAnswer:
    """Gives the answer that the same version gave to the same input.

    Args:
        answers: That were given.
    """

    answers: Answers
    name: str = "cached"

    def take(self, model: ServedModel, ask: Ask, rows: int) -> Cancel | None:
        """See `Step`."""
        outputs = self.answers.get(_key(model, ask), model.batcher.clock())
        return None if outputs is None else asyncio.get_running_loop().call_soon(ask.done, outputs).cancel

    def keep(self, model: ServedModel, ask: Ask, outputs: Sequence[Array]) -> None:
        """Keeps a good answer."""
        self.answers.put(_key(model, ask), outputs, model.batcher.clock())


def _key(model: ServedModel, ask: Ask) -> Hashable:
    # The version and its digest: what a version said that was taken back is nobody else's answer.
    return model.version, model.artifact.digest, digest(ask.feeds)


@dataclass
class RemoteAnswer:
    """Asks a server elsewhere.

    Args:
        remote: Asks it.
    """

    remote: RemoteModel
    name: str = "remote"

    def take(self, model: ServedModel, ask: Ask, rows: int) -> Cancel | None:
        """See `Step`: not for another server that steps down itself, lest two of them play ball."""
        if HOP in ask.call.headers or not self.remote.open:
            return None
        left = None if ask.deadline is None else ask.deadline - model.batcher.clock()
        if left is not None and left <= 0:
            return None
        task = asyncio.get_running_loop().create_task(
            self.remote.infer(model.name, model.outputs, ask.feeds, ask.call, seconds=left)
        )
        task.add_done_callback(partial(_ended, ask))
        return partial(_stop, task)


def _ended(ask: Ask, task: asyncio.Task[list[Array]]) -> None:
    if not task.cancelled():
        ask.done(task.exception() or task.result())


def _stop(task: asyncio.Task[list[Array]]) -> None:
    task.cancel()


@dataclass
class DeclaredError:
    """Says what was declared.

    Args:
        message: For the client.
    """

    message: str
    name: str = "error"

    def take(self, model: ServedModel, ask: Ask, rows: int) -> Cancel | None:
        """See `Step`."""
        return asyncio.get_running_loop().call_soon(ask.done, Unavailable(self.message)).cancel


def misfit(model: ServedModel, other: ServedModel) -> str:
    """Why one model cannot stand in for another; empty: it can.

    It must take every tensor that the model takes, give tensors of the same types and ranks in the same
    order, and have its pipelines: clients prepare for the model that they asked for, and read its answers.
    """
    mine, theirs = ({spec.name: spec for spec in each.inputs} for each in (model, other))
    if set(mine) != set(theirs):
        return f"its inputs are {', '.join(theirs)}, not {', '.join(mine)}"
    for name, spec in mine.items():
        if spec.dtype != theirs[name].dtype or not _takes(theirs[name], spec):
            return f"its input '{name}' is {_shown(theirs[name])}, not {_shown(spec)}"
    if len(model.outputs) != len(other.outputs):
        return f"it has {len(other.outputs)} outputs, not {len(model.outputs)}"
    for spec, its in zip(model.outputs, other.outputs, strict=True):
        if spec.dtype != its.dtype or not _alike(spec, its):
            return f"its output '{its.name}' is {_shown(its)}, not {_shown(spec)}"
    for part in ("task", "preprocess", "postprocess", "labels", "vocabulary"):
        if getattr(model.contract, part) != getattr(other.contract, part):
            return f"its contract has another {part}"
    return ""


def _takes(wide: TensorSpec, narrow: TensorSpec) -> bool:
    return len(wide.shape) == len(narrow.shape) and all(
        not isinstance(takes, int) or takes == given
        for takes, given in zip(wide.shape, narrow.shape, strict=True)
    )


def _alike(one: TensorSpec, other: TensorSpec) -> bool:
    return len(one.shape) == len(other.shape) and all(
        a == b or not (isinstance(a, int) and isinstance(b, int))
        for a, b in zip(one.shape, other.shape, strict=True)
    )


def _shown(spec: TensorSpec) -> str:
    return f"{spec.dtype} [{', '.join(str('?' if each is None else each) for each in spec.shape)}]"
