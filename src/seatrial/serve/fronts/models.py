"""What fronts know of the models, so that a request is checked before it reaches the hub.

It is only a help: what a front does not know, or what does not plainly fit what it knows, goes to the hub as
it came. So a front that knows less than the hub for a moment, while a model is replaced, refuses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from seatrial.contract import TensorSpec
from seatrial.runtimes import FeedCheck
from seatrial.serve.model import ServedModel
from seatrial.serve.repository import Repository
from seatrial.serve.rest.targets import Target, alike, entries, outputs_of


class Offer:
    """The hub's side: which specs have which number.

    Args:
        repository: The models.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._numbers: dict[tuple[TensorSpec, ...], int] = {}
        self._checks: list[FeedCheck | None] = [None]

    def check(self, known: int) -> FeedCheck | None:
        """The check of a number; None: there is none."""
        return self._checks[known] if 0 <= known < len(self._checks) else None

    def table(self) -> bytes:
        """What fronts are told, as JSON."""
        told = [
            (path, name, version, *self._specs(models))
            for path, name, version, models in entries(self._repository)
        ]
        return orjson.dumps(told)

    def _specs(self, models: Sequence[ServedModel]) -> tuple[int, Any, Any]:
        """Number, inputs and names of outputs that these versions have in common."""
        outputs, specs = outputs_of(models), models[0].inputs
        if not alike(models):
            return 0, None, outputs
        number = self._numbers.get(specs)
        if number is None:
            number = self._numbers[specs] = len(self._checks)
            self._checks.append(models[0].check)
        # JSON has no infinity: a bound that is one is no bound there. What holds infinity is left to the hub.
        return number, specs, outputs


def targets(table: bytes) -> dict[str, Target]:
    """The front's side: what paths lead to, from `Offer.table`."""
    return {path: _target(*rest) for path, *rest in orjson.loads(table)}


def _target(
    name: str, version: str, known: int, inputs: Iterable[Any] | None, outputs: Iterable[str] | None
) -> Target:
    check = None
    if inputs is not None:
        check = FeedCheck([TensorSpec(**{**each, "shape": tuple(each["shape"])}) for each in inputs])
    return Target(name, version, known, check, None if outputs is None else frozenset(outputs))
