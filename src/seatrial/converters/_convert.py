"""Converts a model and believes the result only when it answers as its source does (M20)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial import extensions
from seatrial.contract.sample import Array
from seatrial.converters._batches import batches
from seatrial.converters._compare import SMALLEST_SCALE, Comparison, compare
from seatrial.converters._converter import Converter
from seatrial.errors import (
    ContractViolation,
    EngineFailure,
    MissingDependency,
    ModelError,
    SeatrialError,
    TrustError,
    UnsupportedModel,
    UsageError,
)
from seatrial.model import open_model
from seatrial.model.artifact import Artifact
from seatrial.runtimes import Pool, SessionOptions, first_divergence

# Largest difference of one element, as a part of its output's largest magnitude. Honest conversions of the
# models at hand stay under a tenth of it; a dropped sequence length is a hundred times above.
TOLERANCE = 1e-3
# Both as they are written: fusion on either side is another question than conversion.
_PLAIN = SessionOptions(optimize=False)


@dataclass(frozen=True)
class Conversion:
    """A conversion that held.

    Attributes:
        artifact: The result.
        comparisons: Every batch it was compared on.
        notes: Batches that could not be compared, and why.
    """

    artifact: Artifact
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]


def convert(
    artifact: Artifact,
    target: str,
    out: Path,
    *,
    samples: Sequence[Mapping[str, Array]] = (),
    tolerance: float = TOLERANCE,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Conversion:
    """Converts, loads, compares on many batches, and only then puts the result in its place.

    Args:
        artifact: The source; not changed.
        target: Format to convert to, such as `onnx`.
        out: Folder for the result; absent or empty. It appears whole or not at all.
        samples: Real feeds, each with a batch axis of 1; without any, some are made up from the specs.
        tolerance: Largest difference of one element, as a part of its output's largest magnitude.
        options: Of the converter.
        seed: For what is made up.
        progress: Told what is being done.

    Raises:
        UsageError: An unknown option, `out` not empty, or no road to `target`.
        MissingDependency: The converter is not installed.
        ModelError: The conversion failed or the result differs; nothing is left behind.
        TrustError: The source's files are not those that were read.
    """
    if artifact.problems:
        first = artifact.problems[0]
        raise ModelError(
            f"a defective model is not converted: {first.where}: {first.message}", hint=first.hint
        )
    converter = _choose(artifact, target, dict(options or {}))
    _prove_unchanged(artifact, "since it was read")
    with _staging(out) as folder:
        try:
            graph = converter.make(artifact, folder, options=dict(options or {}), progress=progress)
        except EngineFailure as error:
            raise ModelError(f"not converted: {error.message}", hint=error.hint) from error
        result = _opened(graph)
        _same_interface(artifact, result)
        comparisons, notes = _judged(
            artifact, result, samples, tolerance=tolerance, seed=seed, progress=progress
        )
        _prove_unchanged(artifact, "while it was converted")
        _publish(folder, out)
    return Conversion(open_model(out / graph.name), comparisons, notes)


def _choose(artifact: Artifact, target: str, options: Mapping[str, Any]) -> Converter:
    found: Mapping[str, Converter] = extensions.find("seatrial.converters", "CONVERTER")
    fitting = [each for each in found.values() if each.target == target and artifact.format in each.sources]
    if not fitting:
        roads = "; ".join(f"{' or '.join(each.sources)} to {each.target}" for each in found.values())
        raise UnsupportedModel(f"nothing converts {artifact.format} to {target}", hint=f"there is: {roads}")
    converter = fitting[0]
    unknown = sorted(set(options) - set(converter.options))
    if unknown:
        raise UsageError(
            f"{converter.name} has no option {', '.join(unknown)}",
            hint=f"it has: {', '.join(converter.options)}",
        )
    if not converter.available():
        raise MissingDependency(f"{converter.name} is not installed", hint=converter.how_to_get())
    return converter


def _prove_unchanged(artifact: Artifact, when: str) -> None:
    now = open_model(artifact.path).digest
    if now != artifact.digest:
        raise TrustError(
            f"the files of {artifact.path.name} changed {when}: {now} instead of {artifact.digest}",
            hint="read the model again",
        )


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A folder beside `out`, gone afterwards unless it became `out`."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already and not an empty folder", hint="give another place")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.resolve().parent))
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, out: Path) -> None:
    folder.chmod(0o755)
    # Replaces an empty folder, and only an empty one, in one step.
    folder.replace(out)


def _opened(graph: Path) -> Artifact:
    if not graph.is_file() or not graph.stat().st_size:
        raise ModelError("not converted: the converter said that all is well and left an empty file")
    result = open_model(graph)
    if result.problems:
        first = result.problems[0]
        raise ModelError(f"not converted: the result is defective: {first.message}", hint=first.hint)
    return result


def _same_interface(source: Artifact, result: Artifact) -> None:
    """Inputs are bound by name (converters reverse their order), outputs by place (they rename them)."""
    wanted = {each.name: each.dtype for each in source.inputs}
    got = {each.name: each.dtype for each in result.inputs}
    if wanted != got:
        raise ModelError(f"not converted: the result takes {got} instead of {wanted}")
    if len(source.outputs) != len(result.outputs):
        raise ModelError(
            f"not converted: the result has {len(result.outputs)} outputs instead of {len(source.outputs)}"
        )


def _judged(
    source: Artifact,
    result: Artifact,
    samples: Sequence[Mapping[str, Array]],
    *,
    tolerance: float,
    seed: int,
    progress: Callable[[str], None],
) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    comparisons, notes = [], []
    with Pool(source) as ours, Pool(result) as theirs:
        try:
            theirs.get("auto", _PLAIN)
        except EngineFailure as error:
            raise ModelError(
                f"not converted: the result does not load: {error.message}", hint=error.hint
            ) from error
        for case, feeds, real in batches(source, samples, seed=seed):
            try:
                wanted = ours.get("auto", _PLAIN).run(feeds)
            except (EngineFailure, ContractViolation) as error:
                if real:
                    raise ModelError(
                        f"the source itself fails on {case}: {error.message}", hint=error.hint
                    ) from error
                notes.append(f"{case}: not compared, the source does not take it ({error.message})")
                continue
            try:
                got = theirs.get("auto", _PLAIN).run(feeds)
            except (EngineFailure, ContractViolation) as error:
                raise _refusal(case, f"the source answers and the result fails: {error.message}") from error
            comparison = compare(case, feeds, wanted, got, tolerance=tolerance)
            progress(f"compared {comparison}")
            if comparison.problem:
                where = _parted(ours, theirs, feeds, tolerance=tolerance)
                raise _refusal(case, comparison.problem + (f"; {where}" if where else ""))
            comparisons.append(comparison)
    if not comparisons:
        raise ModelError(
            "not converted: no batch could be compared", hint="give samples that the source takes"
        )
    if all(each.faint for each in comparisons):
        notes.append(
            f"the model answers with nearly nothing (under {SMALLEST_SCALE:g}) on every batch: "
            "little was compared, give real samples"
        )
    return tuple(comparisons), tuple(notes)


def _parted(source: Pool, result: Pool, feeds: Mapping[str, Array], *, tolerance: float) -> str:
    """A sentence about the first operator of the source whose output the result has nowhere.

    Empty when one of the two cannot be traced, or nothing stands out.
    """
    try:
        ours = source.get("auto", SessionOptions(optimize=False)).trace(feeds)
        theirs = result.get("auto", SessionOptions(optimize=False)).trace(feeds)
    except SeatrialError:
        return ""
    found = first_divergence(ours, theirs, tolerance=tolerance)
    if found.first is None:
        return ""
    # Some operators show no output (Paddle's rnn): then the culprit lies between two that do.
    after = f" (the last that agrees is {found.last_good.label})" if found.last_good else ""
    return f"the first operator that diverges is {found.first.label}{after}"


def _refusal(case: str, why: str) -> ModelError:
    return ModelError(
        f"not converted: on {case}, {why}",
        hint="run the source format instead; the converter drops or changes what this model needs",
    )
