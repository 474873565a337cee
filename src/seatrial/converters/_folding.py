"""Folds a pipeline and believes the result only when it answers as the pipeline beside the model does."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seatrial.contract import Contract, Sample, load_contract, save_contract
from seatrial.converters import fold_pipeline
from seatrial.converters._fold.samples import made_up
from seatrial.converters._staging import publish, staging
from seatrial.errors import EngineFailure, ModelError, SeatrialError
from seatrial.model import open_model
from seatrial.model.artifact import Artifact
from seatrial.runtimes import Session, open_session

TOLERANCE = 1e-4  # of a number in an answer, by its size or 1
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Folding:
    """A folding that held.

    Attributes:
        artifact: The folded model.
        contract: Its contract, beside it.
        compared: Samples that both answered alike.
        difference: Largest difference of a number in their answers, by its size or 1.
        notes: What a reader should know; among it what the other JPEG decoder makes of JPEG samples.
    """

    artifact: Artifact
    contract: Contract
    compared: int
    difference: float
    notes: tuple[str, ...] = ()


def fold(
    artifact: Artifact,
    contract: Contract,
    out: Path,
    *,
    samples: Sequence[Sample],
    part: str = "both",
    given: str = "bytes",
    progress: Callable[[str], None] = lambda _: None,
) -> Folding:
    """Folds, runs both on every sample, and only then puts the result in its place.

    Args:
        artifact: An ONNX model; not changed.
        contract: Of the model.
        out: Folder for the model and its contract; absent or empty.
        samples: Real ones, as people have them: files, texts, arrays; without any, some are made up.
        part: `pre`, `post` or `both`.
        given: `bytes`, or `pixels` where the decoding of images stays outside.
        progress: Told what is being done.

    Raises:
        UsageError: `out` is not empty.
        UnsupportedModel: A step cannot be folded; the message names it.
        ModelError: The folded model answers otherwise; nothing is left behind.
    """
    with staging(out) as scratch:
        source, folder = scratch / "source", scratch / "folded"
        source.mkdir()
        folder.mkdir()
        path = source / "contract.yaml"
        save_contract(contract, path)
        options = {"contract": str(path), "part": part, "input": given}
        options |= _array_options(samples[0]) if samples else {}
        graph = fold_pipeline.make(artifact, folder, options=options, progress=progress)
        told = [] if samples else ["compared on made-up samples: give real ones"]
        if not samples:
            samples = made_up(contract, fold_pipeline.entry_of(contract, part=part, given=given))
        result, made = open_model(graph), load_contract(folder / "contract.yaml")
        if result.problems:
            raise ModelError(f"not folded: the result is defective: {result.problems[0].message}")
        compared, difference, about = _compared((artifact, contract), (result, made), samples, progress)
        publish(folder, out)
    final = load_contract(out / "contract.yaml")
    return Folding(open_model(out / graph.name), final, compared, difference, (*told, *about, *_notes(final)))


def _array_options(sample: Sample) -> dict[str, Any]:
    """Type and shape of samples that are arrays."""
    payload = sample.payload
    if not isinstance(payload, np.ndarray):
        return {}
    return {"dtype": payload.dtype.name, "shape": tuple(payload.shape)}


def _notes(contract: Contract) -> tuple[str, ...]:
    notes = []
    if _takes_files(contract):
        notes.append("images are decoded by onnxruntime-extensions: what runs the model has to load them")
    if contract.inputs[0].shape[:1] == (1,):
        notes.append("it takes one sample at a time")
    outside = [each.name for each in contract.postprocess.calls if each.name not in {"pack", "note"}]
    if outside:
        notes.append("after the model, in its contract, stays: " + ", ".join(outside))
    return tuple(notes)


def _takes_files(contract: Contract) -> bool:
    return any(each.name == "file_bytes" for each in contract.preprocess.calls)


def _compared(
    source: tuple[Artifact, Contract],
    folded: tuple[Artifact, Contract],
    samples: Sequence[Sample],
    progress: Callable[[str], None],
) -> tuple[int, float, list[str]]:
    compared, worst, files = 0, 0.0, _takes_files(folded[1])
    jpegs: list[float] = []
    with open_session(source[0]) as ours:
        try:
            theirs = open_session(folded[0])
        except EngineFailure as error:
            raise ModelError(
                f"not folded: the result does not load: {error.message}", hint=error.hint
            ) from error
        with theirs:
            for sample, jpeg in _variants(samples, files=files):
                try:
                    wanted = _answered(ours, source[1], sample)
                except SeatrialError as error:
                    progress(f"{sample.key}: not compared, the pipeline does not take it ({error.message})")
                    continue
                difference, where = _difference(theirs, folded[1], sample, wanted)
                if jpeg:
                    jpegs.append(difference)
                elif difference > TOLERANCE:
                    raise ModelError(
                        f"not folded: {sample.key} is answered otherwise ({where})",
                        hint="fold one side only: --fold pre or --fold post",
                    )
                else:
                    compared, worst = compared + 1, max(worst, difference)
    if not compared:
        raise ModelError("not folded: no sample could be compared", hint="give samples that the model takes")
    return compared, worst, _about_jpegs(jpegs)


def _difference(session: Session, contract: Contract, sample: Sample, wanted: Any) -> tuple[float, str]:
    try:
        return apart(wanted, _answered(session, contract, sample))
    except SeatrialError as error:
        return math.inf, f"the pipeline answers and the folded model does not: {error.message}"


def _variants(samples: Sequence[Sample], *, files: bool) -> Iterator[tuple[Sample, bool]]:
    """Each sample, and whether it is a JPEG; of a JPEG also its pixels as a PNG, which decoders agree on."""
    for sample in samples:
        payload = sample.payload
        data = payload.read_bytes() if files and isinstance(payload, Path) and payload.is_file() else payload
        if not (files and isinstance(data, bytes) and data.startswith(_JPEG)):
            yield sample, False
            continue
        yield sample, True
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture, io.BytesIO() as stream:
                picture.convert("RGB").save(stream, "PNG")
                yield replace(sample, key=f"{sample.key} as PNG", payload=stream.getvalue()), False
        except (OSError, ValueError, SyntaxError):
            continue  # the pipeline did not take it either


def _about_jpegs(differences: Sequence[float]) -> list[str]:
    """What the other decoder makes of JPEGs: their pixels differ a little where colors are subsampled."""
    if not differences:
        return []
    alike = [each for each in differences if math.isfinite(each)]
    told = f"of {len(differences)} JPEGs as they are, {len(alike)} get the same answer"
    return [told + (f", numbers within {max(alike):.1e}" if alike else "") + " (another JPEG decoder)"]


def _answered(session: Session, contract: Contract, sample: Sample) -> Any:
    feeds, context = contract.prepare(sample.payload)
    return contract.answer(session.run(feeds), 0, context)


def apart(wanted: Any, got: Any, where: str = "answer") -> tuple[float, str]:
    """The largest difference of a number in two answers, and where; infinite where anything else differs."""
    if isinstance(wanted, Mapping) and isinstance(got, Mapping) and set(wanted) == set(got):
        found = [apart(wanted[key], got[key], f"{where}.{key}") for key in wanted]
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        pairs = zip(wanted, got, strict=True)
        found = [apart(*pair, f"{where}[{place}]") for place, pair in enumerate(pairs)]
    elif isinstance(wanted, float) and isinstance(got, int | float):
        return abs(wanted - got) / max(1.0, abs(wanted)), where
    else:
        return (0.0 if wanted == got else math.inf), where
    return max(found, default=(0.0, where))
