"""Converts over one or several formats; each is believed only when it answers as the source (M20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.contract.sample import Array
from seatrial.converters._compare import Comparison
from seatrial.converters._converter import Converter
from seatrial.converters._options import sorted_out
from seatrial.converters._route import find_route
from seatrial.converters._staging import publish, staging
from seatrial.converters._verify import Source, faint_note, same_interface, verify
from seatrial.errors import EngineFailure, MissingDependency, ModelError, TrustError
from seatrial.model import open_model
from seatrial.model.artifact import Artifact
from seatrial.runtimes import available_runtimes

# Largest difference of one element, as a part of its output's largest magnitude. Honest conversions of the
# models at hand stay under a tenth of it; a dropped sequence length is a hundred times above.
TOLERANCE = 1e-3
_RESULT = "result"


@dataclass(frozen=True)
class Hop:
    """One step of a route that held.

    Attributes:
        converter: Name of the converter.
        source: Format it read.
        target: Format it wrote.
        tolerance: What it was judged by.
        comparisons: Every batch its result was compared on, always with the source of the whole route.
        stand_in: What was run in the result's place, and what not; empty when the result itself ran.
    """

    converter: str
    source: str
    target: str
    tolerance: float
    comparisons: tuple[Comparison, ...]
    stand_in: str = ""


@dataclass(frozen=True)
class Conversion:
    """A conversion that held.

    Attributes:
        artifact: The result.
        comparisons: Every batch it was compared on.
        notes: Batches that could not be compared, and why; what was run in place of the result.
        hops: The steps that led to it.
    """

    artifact: Artifact
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    hops: tuple[Hop, ...] = ()


def convert(
    artifact: Artifact,
    target: str,
    out: Path,
    *,
    samples: Sequence[Mapping[str, Array]] = (),
    tolerance: float | None = None,
    options: Mapping[str, Any] | None = None,
    via: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Conversion:
    """Goes the cheapest way to `target`, compares each step with the source, and publishes the last one.

    Args:
        artifact: The source; not changed.
        target: Format to convert to, such as `onnx`.
        out: Folder for the result; absent or empty. It appears whole or not at all.
        samples: Real feeds, each with a batch axis of 1; without any, some are made up from the specs.
        tolerance: Largest difference of one element, as a part of its output's largest magnitude; by default
            `TOLERANCE`, and more from the step on whose format keeps fewer digits.
        options: Of the converters on the way; text is read as what the option's default is.
        via: Formats to pass, in that order.
        seed: For what is made up.
        progress: Told the route first, then what is being done.

    Raises:
        UsageError: An unknown option, `out` not empty, or the model has that format already.
        UnsupportedModel: No converter leads to `target`.
        MissingDependency: What would lead there is not installed; the hint says what is missing.
        ModelError: A conversion failed or its result differs; nothing is left behind.
        TrustError: The source's files are not those that were read.
    """
    if artifact.problems:
        first = artifact.problems[0]
        raise ModelError(
            f"a defective model is not converted: {first.where}: {first.message}", hint=first.hint
        )
    route = find_route(artifact.format, target, via=via)
    given = sorted_out(route, options or {})
    progress(str(route))
    _prove_unchanged(artifact, "since it was read")
    source, before, bar = Source(artifact, samples, seed=seed), artifact, tolerance or TOLERANCE
    hops: list[Hop] = []
    with staging(out) as folder:
        for place, converter in enumerate(route.converters):
            bar = bar if tolerance else max(bar, converter.allows(given[place]))
            step = _Step(converter, given[place], folder / str(place), bar, progress)
            hop, before = step.go(source, before, alone=len(route.converters) == 1)
            hops.append(hop)
        _prove_unchanged(artifact, "while it was converted")
        last = folder / str(len(hops) - 1) / _RESULT
        graph = before.graph.relative_to(last)
        publish(last, out)
    notes = [
        *source.notes,
        *faint_note(hops[-1].comparisons),
        *(each.stand_in for each in hops if each.stand_in),
    ]
    return Conversion(open_model(out / graph), hops[-1].comparisons, tuple(notes), tuple(hops))


@dataclass(frozen=True)
class _Step:
    """One converter at work."""

    converter: Converter
    options: Mapping[str, Any]
    folder: Path
    tolerance: float
    progress: Callable[[str], None]

    def go(self, source: Source, before: Artifact, *, alone: bool) -> tuple[Hop, Artifact]:
        """Makes the result, opens and judges it."""
        try:
            result = self._made(before)
            runs, stood_in = self._what_runs(before, result)
            same_interface(source.artifact, result)
            comparisons = verify(source, before, runs, tolerance=self.tolerance, progress=self.progress)
        except ModelError as error:
            if not alone:
                error.message = f"{before.format} -> {self.converter.target}: {error.message}"
                error.args = (error.message,)
            raise
        hop = Hop(
            converter=self.converter.name,
            source=before.format,
            target=self.converter.target,
            tolerance=self.tolerance,
            comparisons=comparisons,
            stand_in=stood_in,
        )
        return hop, result

    def _made(self, before: Artifact) -> Artifact:
        result_folder = self.folder / _RESULT
        result_folder.mkdir(parents=True)
        try:
            graph = self.converter.make(before, result_folder, options=self.options, progress=self.progress)
        except EngineFailure as error:
            raise ModelError(f"not converted: {error.message}", hint=error.hint) from error
        if not graph.exists() or (graph.is_file() and not graph.stat().st_size):
            raise ModelError("not converted: the converter said that all is well and left an empty file")
        result = open_model(graph)
        if result.problems:
            first = result.problems[0]
            raise ModelError(f"not converted: the result is defective: {first.message}", hint=first.hint)
        if result.format != self.converter.target:
            raise ModelError(
                f"not converted: the result is {result.format} instead of {self.converter.target}"
            )
        return result

    def _what_runs(self, before: Artifact, result: Artifact) -> tuple[Artifact, str]:
        """The result, or what stands in for it, with the note that says so."""
        if self.converter.stand_in is not None:
            folder = self.folder / "stand-in"
            folder.mkdir()
            found = self.converter.stand_in(before, result.graph, folder)
            if found is not None:
                self.progress(f"{self.converter.target}: {found.note}")
                return open_model(found.graph), found.note
        if not available_runtimes(result):
            raise MissingDependency(
                f"nothing here runs {result.format}, and a result that never ran is not believed",
                hint="see: seatrial doctor",
            )
        return result, ""


def _prove_unchanged(artifact: Artifact, when: str) -> None:
    now = open_model(artifact.path).digest
    if now != artifact.digest:
        raise TrustError(
            f"the files of {artifact.path.name} changed {when}: {now} instead of {artifact.digest}",
            hint="read the model again",
        )
