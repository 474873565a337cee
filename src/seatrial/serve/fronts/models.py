"""What fronts know of the models, so that a request is checked before it reaches the hub.

It is only a help: what a front does not know, or what does not plainly fit what it knows, goes to the hub as
it came. So a front that knows less than the hub for a moment, while a model is replaced, refuses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from seatrial.contract import TensorSpec
from seatrial.errors import NotFound
from seatrial.runtimes import FeedCheck
from seatrial.serve.model import ServedModel
from seatrial.serve.repository import Repository


@dataclass(frozen=True)
class Target:
    """What one path leads to.

    Attributes:
        name: The model asked for.
        version: The version asked for; empty: the hub decides.
        known: Number of the specs, for the hub; 0: the feeds were not checked.
        check: Checks feeds; None: the hub does.
        outputs: Names of the outputs; None: they depend on the version.
    """

    name: str
    version: str
    known: int
    check: FeedCheck | None
    outputs: frozenset[str] | None


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
        entries: list[Any] = []
        for name in dict.fromkeys(each.name for each in self._repository.models):
            models = [each for each in self._repository.models if each.name == name]
            entries.append([_path(name), name, "", *self._specs(models)])
            versions = {each.version: each.version for each in models}
            for version in {**versions, **self._repository.aliases(name)}:
                try:
                    asked = self._repository.model(name, version)
                except NotFound:
                    continue  # an alias whose version has gone
                entries.append([_path(name, version), name, version, *self._specs([asked])])
        return orjson.dumps(entries)

    def _specs(self, models: Sequence[ServedModel]) -> tuple[int, Any, Any]:
        """Number, inputs and names of outputs that these versions have in common."""
        names = {tuple(each.name for each in model.outputs) for model in models}
        outputs = names.pop() if len(names) == 1 else None
        inputs = {model.inputs for model in models}
        if len(inputs) > 1 or not all(model.check.plain for model in models):
            return 0, None, outputs
        specs = inputs.pop()
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


def _path(name: str, version: str = "") -> str:
    return f"/v2/models/{quote(name)}" + (f"/versions/{quote(version)}" if version else "") + "/infer"
