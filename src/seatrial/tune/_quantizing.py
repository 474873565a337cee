"""Quantizes until the allowed drop holds, and delivers nothing that it has not judged (M21, M27)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial.contract import Contract
from seatrial.contract.sample import Array
from seatrial.converters import convert, publish, staging, write_feeds
from seatrial.converters.quantize_onnx import LayerCost, layer_costs
from seatrial.converters.quantize_openvino import is_transformer
from seatrial.errors import EngineFailure, SeatrialError, TrustError, UnsupportedModel, UsageError
from seatrial.model import Artifact, open_model
from seatrial.runtimes import SessionOptions, available_runtimes, native_precision
from seatrial.tune._calibration import Split, prepared
from seatrial.tune._finetune import finetuned
from seatrial.tune._recipe import Recipe, converter_of, options_of, write_contract
from seatrial.tune._score import Drop, Ruling, Score, Scorer, available_runtime
from seatrial.tune._sensitivity import fewest_in_float, first_guess, most_costly_first
from seatrial.tune._timing import Paired, Runner, tried

Progress = Callable[[str], None]
_PROBED = 16  # samples on which each layer alone is tried


@dataclass(frozen=True)
class Attempt:
    """One quantized candidate, judged.

    Attributes:
        artifact: The candidate; None when it could not be made or run.
        keep: Layers left in float.
        between: Whether sums and activations between layers became integer too.
        score: How well it answers.
        drop: What it lost against the source.
        ruling: What follows for the drop allowed.
        allowed: Whether it may be delivered: accepted, or unproved where that was allowed.
        problem: Why there is no score.
    """

    artifact: Artifact | None
    keep: tuple[str, ...]
    score: Score | None = None
    drop: Drop | None = None
    ruling: Ruling = Ruling.REFUSED
    allowed: bool = False
    problem: str = ""
    between: bool = True

    @property
    def accepted(self) -> bool:
        """Whether it may be delivered."""
        return self.allowed

    @property
    def hopeless(self) -> bool:
        """Whether no layer put back would help: nothing was lost, and the samples cannot prove it."""
        drop = self.drop
        return not self.allowed and drop is not None and drop.lost == 0

    def words(self, max_drop: float) -> str:
        """One line for people."""
        left = f"{len(self.keep)} layers left in float" if self.keep else "every layer"
        left += "" if self.between else ", nothing between them in integers"
        return f"{left}: {self.problem or (self.drop.words(max_drop) if self.drop else '')}"


@dataclass(frozen=True)
class Quantized:
    """What came of it.

    Attributes:
        recipe: What was asked for.
        split: Which samples did what.
        source: The model given.
        reference: How well it answers.
        floating: The source in the format that was quantized; the source itself where that is the same.
        attempts: Every candidate, in the order they were judged.
        winner: The one that may be delivered, or None.
        costs: What each layer costs alone; empty where nothing had to be put back and none were asked for.
        against_float: Winner in turn with `floating`, on the winner's runtime where that runs it.
        against_source: Winner in turn with the source on its own runtime, where that is another pair.
        notes: What could not be done, and why.
        why: Why nothing is delivered; empty when something is.
        delivered: The result in its place, or None.
    """

    recipe: Recipe
    split: Split
    source: Artifact
    reference: Score
    floating: Artifact
    attempts: tuple[Attempt, ...] = ()
    winner: Attempt | None = None
    costs: tuple[LayerCost, ...] = ()
    against_float: Paired | None = None
    against_source: Paired | None = None
    notes: tuple[str, ...] = ()
    why: str = ""
    delivered: Artifact | None = None

    @property
    def gains(self) -> bool | None:
        """Whether it is surely faster than float here, as given and as converted; None when not timed."""
        timed = [each for each in (self.against_float, self.against_source) if each is not None]
        return all(each.faster for each in timed) if self.against_float else None


@dataclass
class _Work:
    """One run: the samples, the scorer, and where things are made."""

    source: Artifact
    contract: Contract
    split: Split
    recipe: Recipe
    folder: Path
    progress: Progress
    feeds: list[dict[str, Array]]
    scorer: Scorer
    deadline: float
    count: int = 0
    notes: list[str] = field(default_factory=list)

    def options(self, keep: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
        """The converter's options for a candidate."""
        files = {"feeds": str(self.folder / "feeds.npz"), "ranges": str(self.folder / "ranges.json")}
        converter = converter_of(self.recipe, self.source.format)
        return {**options_of(self.recipe, converter, files), "keep": keep, **more}

    def enough(self) -> bool:
        """Whether the time for searching is up."""
        return time.monotonic() > self.deadline


def quantize(
    artifact: Artifact,
    contract: Contract,
    split: Split,
    recipe: Recipe,
    out: Path,
    *,
    progress: Progress = lambda _: None,
) -> Quantized:
    """Makes a model smaller, and delivers it only when what it loses is surely within what is allowed.

    Args:
        artifact: The float model; not changed.
        contract: Its pre- and postprocessing, its task, its labels.
        split: Samples that set scales, and samples that judge.
        recipe: How, with which tool, and what may be lost.
        out: Folder for the result; it appears whole when something is delivered, else not at all.
        progress: Told what is being done.

    Raises:
        UsageError: `out` is taken, an option fits nothing, or no sample can be judged.
        UnsupportedModel: The model is quantized already, has nothing to quantize, or is over 2 GB.
        ContractViolation: A calibration sample does not fit the contract.
        ModelError: The tool failed.
        TrustError: The source was changed meanwhile.
    """
    if artifact.problems:
        raise UnsupportedModel(
            f"a defective model is not quantized: {artifact.problems[0].message}",
            hint=artifact.problems[0].hint,
        )
    if native_precision(artifact) != "float32":
        raise UnsupportedModel(
            f"the model is {native_precision(artifact)} already",
            hint="quantize the float model it was made of",
        )
    converter = converter_of(recipe, artifact.format)
    if recipe.mode == "qat":
        _trains_apart(split)
    with staging(out) as folder:
        feeds = prepared(contract, split.calibration)
        progress(split.note)
        scorer = Scorer(contract, split.held_out, seed=recipe.seed)
        deadline = time.monotonic() + recipe.seconds
        work = _Work(artifact, contract, split, recipe, folder, progress, feeds, scorer, deadline)
        reference = scorer.score(artifact)
        progress(f"source: {reference}")
        if not reference.mean:
            raise UsageError(
                "the source answers none of these samples rightly, so there is nothing that it could lose",
                hint="see: seatrial check; labels, preprocessing or postprocessing are not the model's",
            )
        found = Quantized(recipe, split, artifact, reference, artifact)
        too_few = _too_few(reference, recipe)
        if too_few:
            return replace(found, why=too_few)
        write_feeds(folder / "feeds.npz", feeds)
        floating = _floating(work, converter.sources)
        found = _searched(work, replace(found, floating=floating))
        found = _timed(work, found)
        return _delivered(work, found, out)


def _trains_apart(split: Split) -> None:
    """A script trains on all of its data: none of that may judge."""
    if split.divided:
        raise UsageError(
            "training sees all of its data, so none of it can judge",
            hint="name other samples with --held-out",
        )
    if split.shared:
        raise UsageError(
            f"{split.shared} samples of the training data are in the held-out set too",
            hint="a score on samples that were trained on says nothing; take them out of one of the two",
        )


def _too_few(reference: Score, recipe: Recipe) -> str:
    """Why not even an unchanged model could be accepted; empty when it could."""
    same = Scorer.compared(reference, reference, seed=recipe.seed)
    if recipe.allow_unproved or same.ruling(recipe.max_drop) is Ruling.ACCEPTED:
        return ""
    return (
        f"{same.n} samples cannot show that no more than {recipe.max_drop:.2%} is lost, not even of a model "
        f"that changed nothing: {same.needed(recipe.max_drop)} are needed"
    )


def _floating(work: _Work, formats: tuple[str, ...]) -> Artifact:
    """The source in a format that the converter reads."""
    source = work.source
    if source.format in formats or work.recipe.mode == "qat":
        return source
    work.progress(f"converting to {formats[0]}")
    made = convert(source, formats[0], work.folder / "float", samples=work.feeds[:12], progress=work.progress)
    work.notes += made.notes
    return made.artifact


def _searched(work: _Work, found: Quantized) -> Quantized:
    """Everything in integers first; what loses too much goes back to float, as little of it as will do."""
    recipe = work.recipe
    if recipe.mode == "qat":
        floating, first = _trained(work, found)
        found = replace(found, floating=floating)
    else:
        first = _attempt(work, found, ())
    found = replace(found, attempts=(first,))
    layered = recipe.mode in ("static", "qat") and found.floating.format == "onnx" and not first.problem
    layered = layered and native_precision(found.floating) == "float32"
    tool = converter_of(recipe, found.floating.format).name if recipe.mode == "static" else ""
    by_nncf, mixing = tool == "quantize_openvino", is_transformer(found.floating)
    if (layered or (by_nncf and mixing)) and not first.accepted and not first.hopeless:
        # What no table of layers shows goes first: sums and activations between them.
        found = replace(found, attempts=(first, _attempt(work, found, (), between=False)))
    settled = found.attempts[-1].accepted or found.attempts[-1].hopeless
    if layered and (recipe.sensitivity or not settled):
        work.progress("each layer alone in integers")
        seconds = max(10.0, recipe.seconds / 2)
        costs = layer_costs(found.floating, options=work.options(), samples=_PROBED, seconds=seconds)
        found = replace(found, costs=costs)
    if not settled and layered:
        found = _layers_back(work, found)
    elif not settled and by_nncf:
        work.progress("NNCF puts layers back")
        controlled = _attempt(work, found, (), between=not mixing, drop=max(recipe.max_drop / 2, 1e-3))
        found = replace(found, attempts=(*found.attempts, controlled))
    accepted = [each for each in found.attempts if each.accepted]
    if not accepted:
        return replace(found, why=found.attempts[-1].words(recipe.max_drop))
    # Of several the last found has the fewest layers in float.
    return replace(found, winner=min(accepted, key=lambda each: len(each.keep)))


def _layers_back(work: _Work, found: Quantized) -> Quantized:
    """The search over layers, with what lies between them in float."""
    order = most_costly_first(found.costs)
    _, more = fewest_in_float(
        [each.name for each in order],
        lambda keep: _attempt(work, found, keep, between=False),
        start=first_guess(order),
        enough=work.enough,
    )
    return replace(found, attempts=(*found.attempts, *more))


def _trained(work: _Work, found: Quantized) -> tuple[Artifact, Attempt]:
    """What the training script left: judged as it is when it is quantized, else quantized first."""
    recipe = work.recipe
    if recipe.finetune is None:
        raise UsageError("quantization-aware training needs a script", hint="name it with --finetune")
    trained = finetuned(
        recipe.finetune,
        found.source,
        data=recipe.training_data or found.split.calibration.source,
        folder=work.folder / "trained",
        seed=recipe.seed,
        progress=work.progress,
    )
    if native_precision(trained) == "int8":
        return trained, _judged(work, found, trained, ())
    if trained.format != "onnx":
        work.progress("converting the trained model to onnx")
        made = convert(trained, "onnx", work.folder / "float", samples=work.feeds[:12])
        trained = made.artifact
    return trained, _attempt(work, replace(found, floating=trained), ())


def _attempt(work: _Work, found: Quantized, keep: tuple[str, ...], **more: Any) -> Attempt:
    """Makes a candidate and judges it."""
    converter = converter_of(work.recipe, found.floating.format)
    folder = work.folder / f"candidate-{work.count}"
    folder.mkdir()
    work.count += 1
    try:
        graph = converter.make(
            found.floating, folder, options=work.options(keep, **more), progress=work.progress
        )
    except EngineFailure as error:
        raise UnsupportedModel(f"not quantized: {error.message}", hint=error.hint) from error
    return _judged(work, found, open_model(graph), keep, between=bool(more.get("between", True)))


def _judged(
    work: _Work, found: Quantized, candidate: Artifact, keep: tuple[str, ...], *, between: bool = True
) -> Attempt:
    recipe = work.recipe
    try:
        score = work.scorer.score(candidate, options=options_to_run(candidate))
    except SeatrialError as error:
        why = f"the result does not run here: {error.message}"
        made = Attempt(None, keep, problem=why, between=between)
        work.progress(made.words(recipe.max_drop))
        return made
    drop = work.scorer.drop(found.reference, score)
    ruling = drop.ruling(recipe.max_drop)
    unproved = recipe.allow_unproved and ruling is Ruling.UNPROVED and drop.value <= recipe.max_drop
    allowed = ruling is Ruling.ACCEPTED or unproved
    made = Attempt(candidate, keep, score, drop, ruling, allowed, between=between)
    work.progress(made.words(recipe.max_drop))
    return made


def options_to_run(artifact: Artifact) -> SessionOptions:
    """How a model is run: Paddle computes in integers only where it is told to, else it only simulates."""
    if artifact.format.startswith("paddle") and native_precision(artifact) == "int8":
        return SessionOptions(precision="int8")
    return SessionOptions()


def _timed(work: _Work, found: Quantized) -> Quantized:
    winner = found.winner
    if winner is None or winner.artifact is None or winner.score is None:
        return found
    feed: Mapping[str, Array] = work.feeds[0]
    after = Runner(winner.artifact, winner.score.runtime, options_to_run(winner.artifact))
    source = Runner(found.source, found.reference.runtime, SessionOptions())
    runtimes = available_runtimes(found.floating)
    same = winner.score.runtime if winner.score.runtime in runtimes else available_runtime(found.floating)
    floating = Runner(found.floating, same, SessionOptions())
    work.progress("in turn with the float model")
    against_float, note = tried(floating, after, feed)
    against_source, other = (None, "")
    if (found.floating.digest, same) != (found.source.digest, found.reference.runtime):
        against_source, other = tried(source, after, feed)
    notes = [each for each in (note, other) if each]
    if after.options.precision == "int8":
        notes.append("run it with precision int8: otherwise Paddle simulates the integers in float, slower")
    return replace(
        found, against_float=against_float, against_source=against_source, notes=(*work.notes, *notes)
    )


def _delivered(work: _Work, found: Quantized, out: Path) -> Quantized:
    winner = found.winner
    if winner is None or winner.artifact is None:
        return replace(found, notes=tuple(work.notes))
    if open_model(found.source.path).digest != found.source.digest:
        raise TrustError("the source was changed while it was quantized", hint="start again")
    folder, graph = winner.artifact.graph.parent, winner.artifact.graph.name
    write_contract(work.contract, winner.artifact)
    publish(folder, out)
    return replace(found, delivered=open_model(out / graph))
