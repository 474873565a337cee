"""One disagreement under investigation: what is deployed, what was right, and what was observed."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from seatrial.contract import Sample
from seatrial.contract.feeds import digest, join, split
from seatrial.contract.sample import Array
from seatrial.diagnosis.agreement import Judge, Seen
from seatrial.diagnosis.reference import Reference
from seatrial.diagnosis.setup import Runner, Setup
from seatrial.errors import SeatrialError

Feed = dict[str, Array]
T = TypeVar("T")

_KEEP_BYTES = 256 << 20  # raw outputs kept, in bytes


def _model_key(setup: Setup) -> str:
    model = setup.artifact.digest if setup.artifact else ""
    return repr((model, setup.runtime, setup.options, sorted(setup.where.items())))


class _Kept:
    """Raw outputs by what was asked, at most `_KEEP_BYTES`: those that nobody asked for longest go first."""

    def __init__(self) -> None:
        self._outputs: OrderedDict[Any, list[Array]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Any) -> list[Array] | None:
        """What was answered, or None when it was not asked or has gone."""
        if key not in self._outputs:
            return None
        self._outputs.move_to_end(key)
        return self._outputs[key]

    def put(self, key: Any, outputs: list[Array]) -> None:
        """Keeps the answer to a new question; it stays even where it is too large alone."""
        self._outputs[key] = outputs
        self._bytes += _size(outputs)
        while self._bytes > _KEEP_BYTES and len(self._outputs) > 1:
            self._bytes -= _size(self._outputs.popitem(last=False)[1])


def _size(outputs: Sequence[Array]) -> int:
    return sum(each.nbytes for each in outputs)


@dataclass(frozen=True)
class Observation:
    """What one setup gave for some samples; every tuple is in the order of `places`.

    Attributes:
        places: Which samples of the case.
        feeds: Arrays by input name, batch axis of 1; None where preparing failed or is not ours to see.
        outputs: Raw outputs, batch axis of 1; None where the model failed.
        answers: Answers; None where there is none.
        failures: Why a sample has no answer, by place.
        agrees: Whether each sample agrees with the reference (bool).
        closeness: How near each sample is to the reference, 0 to 1, over every stage that is known.
    """

    places: tuple[int, ...]
    feeds: tuple[Feed | None, ...]
    outputs: tuple[tuple[Array, ...] | None, ...]
    answers: tuple[Any, ...]
    failures: Mapping[int, str]
    agrees: Array
    closeness: Array

    @property
    def agreement(self) -> float:
        """Share of the samples that agree, 0 to 1."""
        return float(np.mean(self.agrees)) if len(self.agrees) else 0.0


@dataclass
class Case:
    """What hypotheses look at.

    Attributes:
        setup: As deployed.
        samples: What both sides were asked.
        reference: What was right.
        runner: Asks what is deployed.
        scratch: A folder for edited copies of the model.
        seed: Every random choice starts here.
        asked: The deployed setup is asked about so many samples, from the first; None: about all. The search
            sets it when a model is too slow for all of them.
    """

    setup: Setup
    samples: tuple[Sample, ...]
    reference: Reference
    runner: Runner
    scratch: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    seed: int = 7
    asked: int | None = None

    @cached_property
    def judge(self) -> Judge:
        """Compares answers with the reference."""
        return Judge(self.setup.contract.task, self.reference)

    @cached_property
    def _kept(self) -> _Kept:
        return _Kept()

    @cached_property
    def _once(self) -> dict[str, Any]:
        return {}

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, made on the first call: edited models, traces, statistics of several passes.

        Args:
            key: Names it within this case.
            make: Makes it; when it raises, the next call makes it again.
        """
        if key not in self._once:
            self._once[key] = make()
        return cast("T", self._once[key])

    def infer(self, setup: Setup, feeds: Mapping[str, Array]) -> list[Array]:
        """One batch through the deployed model; what was asked before is not asked again.

        Interventions behind the model then cost nothing, and those before it only where they change tensors.

        Raises:
            SeatrialError: As `Runner.infer`.
        """
        key = (_model_key(setup), digest(feeds))
        outputs = self._kept.get(key)
        if outputs is None:
            outputs = self.runner.infer(setup, feeds)
            self._kept.put(key, outputs)
        return list(outputs)

    @cached_property
    def observed(self) -> Observation:
        """What the deployed setup gives for the samples that are asked; place n is sample n."""
        return self.observe(self.setup, range(len(self.samples) if self.asked is None else self.asked))

    def observe(self, setup: Setup, places: Sequence[int]) -> Observation:
        """Asks a setup about some samples. What fails is an answer too: it agrees with nothing.

        Args:
            setup: How to ask.
            places: Indices into `samples`.
        """
        asked = _Pass(self, setup, tuple(places))
        return asked.observe_opaque() if setup.opaque else asked.observe()


class _Pass:
    """One pass of some samples through one setup."""

    def __init__(self, case: Case, setup: Setup, places: tuple[int, ...]) -> None:
        self.case, self.setup, self.places = case, setup, places
        self.feeds: dict[int, Feed] = {}
        self.outputs: dict[int, tuple[Array, ...]] = {}
        self.answers: dict[int, Any] = {}
        self.failures: dict[int, str] = {}

    def observe(self) -> Observation:
        """Preprocess, infer in batches of equal shapes, postprocess."""
        contexts = {}
        groups: dict[Any, list[int]] = {}
        for place in self.places:
            try:
                feed, contexts[place] = self.setup.contract.prepare(self._payload(place))
            except SeatrialError as error:
                self.failures[place] = f"prepare: {error.message}"
                continue
            self.feeds[place] = feed
            key = tuple((name, each.shape, each.dtype.str) for name, each in feed.items())
            groups.setdefault(key, []).append(place)
        size = self.setup.batch if self.setup.contract.batches_freely else 1
        for group in groups.values():
            for start in range(0, len(group), size):
                self._infer(group[start : start + size])
        for place, outputs in self.outputs.items():
            try:
                self.answers[place] = self.setup.contract.answer(list(outputs), 0, contexts[place])
            except SeatrialError as error:
                self.failures[place] = f"answer: {error.message}"
        return self._conclude()

    def observe_opaque(self) -> Observation:
        """Each sample through the service that does everything itself."""
        for place in self.places:
            try:
                self.answers[place] = self.case.runner.answer(self.setup, self._payload(place))
            except SeatrialError as error:
                self.failures[place] = f"service: {error.message}"
        return self._conclude()

    def _payload(self, place: int) -> Any:
        payload = self.case.samples[place].payload
        return self.setup.payload(payload) if self.setup.payload else payload

    def _infer(self, group: Sequence[int]) -> None:
        try:
            outputs = self.case.infer(self.setup, join([self.feeds[place] for place in group]))
            parts = split(outputs, [1] * len(group))
            if parts is None:
                for place in group:
                    self._infer([place])
                return
            for place, mine in zip(group, parts, strict=True):
                self.outputs[place] = tuple(self.setup.outputs(mine) if self.setup.outputs else mine)
        except SeatrialError as error:
            for place in group:
                self.failures[place] = f"infer: {error.message}"

    def _conclude(self) -> Observation:
        judged = [
            self.case.judge.compare(
                place, Seen(self.feeds.get(place), self.outputs.get(place), self.answers.get(place))
            )
            for place in self.places
        ]
        return Observation(
            places=self.places,
            feeds=tuple(self.feeds.get(place) for place in self.places),
            outputs=tuple(self.outputs.get(place) for place in self.places),
            answers=tuple(self.answers.get(place) for place in self.places),
            failures=self.failures,
            agrees=np.array([agrees for agrees, _ in judged], bool),
            closeness=np.array([closeness for _, closeness in judged], float),
        )
