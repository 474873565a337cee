"""How a sample becomes an answer, as data: what a hypothesis may change and the search may try."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self

from seatrial.contract import Contract, Pipeline, StepCall
from seatrial.contract.sample import Array, Payload
from seatrial.model import Artifact
from seatrial.runtimes import SessionOptions
from seatrial.text import Text

Stage = Literal["decoded", "preprocessed", "operators", "outputs", "answers"]
Side = Literal["preprocess", "postprocess"]


@dataclass(frozen=True)
class Setup:
    """Everything between a sample's bytes and its answer.

    Attributes:
        contract: Preprocessing, postprocessing, labels, vocabulary.
        artifact: The model; None when it runs in a service that we can only call.
        runtime: Name of the runtime; `auto` for the first that fits.
        options: Of the session.
        batch: Most samples in one call; 1 asks each alone.
        payload: Changes a sample before everything else. The only way to change the preprocessing of a
            service that takes files or text (`opaque`); None leaves samples as they are.
        outputs: Changes the model's raw outputs (batch axis included) before the postprocessing.
        opaque: Pre- and postprocessing happen inside the service: editing `contract` changes nothing.
        where: What a service is asked for: `{"version": "3"}`.
    """

    contract: Contract
    artifact: Artifact | None
    runtime: str = "auto"
    options: SessionOptions = field(default_factory=SessionOptions)
    batch: int = 32
    payload: Callable[[Payload], Payload] | None = None
    outputs: Callable[[Sequence[Array]], list[Array]] | None = None
    opaque: bool = False
    where: Mapping[str, str] = field(default_factory=dict)

    def calls(self, side: Side) -> tuple[StepCall, ...]:
        """The steps of one pipeline."""
        pipeline: Pipeline = getattr(self.contract, side)
        return pipeline.calls

    def with_calls(self, side: Side, calls: Sequence[StepCall]) -> Self:
        """The same with other steps in one pipeline."""
        return self.with_contract(**{side: Pipeline(tuple(calls))})

    def with_options(self, side: Side, place: int, /, **options: Any) -> Self:
        """The same with some options of one step changed; `None` takes an option away."""
        calls = list(self.calls(side))
        merged = {**calls[place].options, **options}
        calls[place] = StepCall(calls[place].name, {k: v for k, v in merged.items() if v is not None})
        return self.with_calls(side, calls)

    def with_contract(self, **fields: Any) -> Self:
        """The same with some fields of the contract changed; its old fingerprints go with the old lists."""
        kept = {name: digest for name, digest in self.contract.fingerprints.items() if name not in fields}
        return replace(self, contract=replace(self.contract, **{"fingerprints": kept, **fields}))

    def places(self, side: Side, *names: str) -> list[int]:
        """Where steps of these names stand in one pipeline."""
        return [place for place, call in enumerate(self.calls(side)) if call.name in names]


def changes(one: Setup, other: Setup) -> int:
    """How many things differ: options of steps, steps more or less, lists, the model, how it is run."""
    count = 0
    sides: tuple[Side, ...] = ("preprocess", "postprocess")
    for side in sides:
        ours, theirs = one.calls(side), other.calls(side)
        count += 2 * abs(len(ours) - len(theirs))
        for a, b in zip(ours, theirs, strict=False):
            count += 2 * (a.name != b.name)
            names = {*a.options, *b.options}
            count += sum(a.options.get(name) != b.options.get(name) for name in names)
    for name in ("labels", "vocabulary", "inputs", "outputs"):
        count += getattr(one.contract, name) != getattr(other.contract, name)
    for name in ("artifact", "runtime", "options", "batch", "payload", "outputs", "where"):
        count += getattr(one, name) != getattr(other, name)
    return count


class Runner(Protocol):
    """Asks what is deployed: a model in a worker, or a service."""

    def infer(self, setup: Setup, feeds: Mapping[str, Array]) -> list[Array]:
        """One batch through the model as `setup` wants it run; outputs in the graph's order.

        Raises:
            SeatrialError: The model, or the service, refused or died.
        """
        ...

    def answer(self, setup: Setup, payload: Payload) -> Any:
        """One sample through an opaque service.

        Raises:
            SeatrialError: As `infer`; UsageError when the deployed thing is not opaque.
        """
        ...


@dataclass(frozen=True)
class Intervention:
    """One change that would undo a suspected difference.

    Attributes:
        hypothesis: Name of the hypothesis it tests.
        name: Short and unique within the hypothesis: `bgr-to-rgb`.
        setup: The deployed setup with the change made.
        prior: Odds before trying, above 0: 1 is an ordinary suspicion, 10 a strong one from statistics.
        said: What would be wrong, in one sentence without figures: "Channels are swapped: the service feeds
            BGR, training used RGB."
        fix: What to do about it: "set color: RGB in decode_image".
        place: Where in the contract, as a path of keys and indices: `("preprocess", 0)`; empty elsewhere.
    """

    hypothesis: str
    name: str
    setup: Setup
    said: Text
    fix: Text
    prior: float = 1.0
    place: tuple[str | int, ...] = ()
