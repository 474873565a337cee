"""Prunes until the allowed drop holds: what each group of channels costs, and what its loss gains (M24)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.contract import Contract, HeldOut, feeds_of, save_contract
from seatrial.converters import convert, publish, staging
from seatrial.converters.prune_onnx import MULTIPLE, Plan, make, planned
from seatrial.errors import ModelError
from seatrial.model import Artifact, open_model
from seatrial.runtimes import SessionOptions
from seatrial.tune._finetune import finetuned
from seatrial.tune._score import MAX_DROP, Drop, Ruling, Score, Scorer, available_runtime
from seatrial.tune._timing import Paired, Runner, tried

FORMAT = "seatrial/pruning/1"
PLAN = "pruning.json"


@dataclass(frozen=True)
class Pruning:
    """What is to be pruned.

    Attributes:
        artifact: The model; converted to ONNX first when it is something else.
        contract: What goes in and out.
        held_out: Labelled samples that judge.
        sparsity: Share of the channels of each group that goes.
        multiple: Of which the number of channels that stay is one.
        max_drop: Of the mean score, absolute, that may be lost.
        script: Training script that goes on from the pruned model; None: nothing is trained.
        train: What the script trains on, as the user named it.
        seed: Of resampling, and handed to the script.
    """

    artifact: Artifact
    contract: Contract
    held_out: HeldOut
    sparsity: float = 0.5
    multiple: int = MULTIPLE
    max_drop: float = MAX_DROP
    script: Path | None = None
    train: str = ""
    seed: int = 7


@dataclass(frozen=True)
class Sensitivity:
    """What one group costs when it alone is pruned; the drop is None where nothing of it may go."""

    plan: Plan
    drop: Drop | None


@dataclass(frozen=True)
class Pruned:
    """The result.

    Attributes:
        source: Score of the model as given.
        groups: Each group alone, in the graph's order.
        spared: Groups that were left whole so that the drop holds.
        plans: What went of each group in the end.
        score: Of the result.
        drop: Against the model as given.
        accepted: Whether the drop is surely allowed.
        before: Bytes of the model in ONNX.
        after: Bytes of the result.
        timing: In turn with the model in ONNX, one row; None with the reason in `untimed`.
        untimed: Why it was not timed.
        artifact: Where the result lies; None when it was not delivered.
    """

    source: Score
    groups: tuple[Sensitivity, ...]
    spared: tuple[str, ...]
    plans: tuple[Plan, ...]
    score: Score
    drop: Drop
    accepted: bool
    before: int
    after: int
    timing: Paired | None = None
    untimed: str = ""
    artifact: Artifact | None = None


@dataclass
class _Work:
    request: Pruning
    scorer: Scorer
    source: Score
    floating: Artifact
    folder: Path
    progress: Callable[[str], None]
    made: int = field(default=0)

    def attempt(self, **options: Any) -> tuple[Artifact, Score, Drop]:
        """One pruned model, scored."""
        self.made += 1
        folder = self.folder / f"attempt-{self.made}"
        folder.mkdir()
        options = {**_shares(self.request), **options}
        candidate = open_model(make(self.floating, folder, options=options, progress=lambda _: None))
        return self.judged(candidate)

    def judged(self, candidate: Artifact) -> tuple[Artifact, Score, Drop]:
        """With its score and what it lost."""
        score = self.scorer.score(candidate)
        return candidate, score, self.scorer.drop(self.source, score)


def _shares(request: Pruning) -> dict[str, Any]:
    return {"sparsity": request.sparsity, "multiple": request.multiple}


def prune(request: Pruning, out: Path, *, progress: Callable[[str], None] = lambda _: None) -> Pruned:
    """Prunes a model and delivers it when its drop is surely allowed.

    Args:
        request: What is to be pruned.
        out: Folder for the result, absent or empty; made only when something is delivered.
        progress: Told what is being done.

    Raises:
        UsageError: `out` is not empty, or an option is out of range.
        ModelError: No channel can go, or the script failed.
    """
    lazy.load("onnx", extra="onnx")
    with staging(out) as folder:
        scorer = Scorer(request.contract, request.held_out, seed=request.seed)
        source = scorer.score(request.artifact)
        progress(f"as given: {source}")
        floating = _floating(request, folder, progress)
        work = _Work(request, scorer, source, floating, folder, progress)
        groups = _sensitivities(work)
        found = _trained(work, groups) if request.script else _searched(work, groups)
        found = _timed(work, found)
        if not found.accepted:
            return replace(found, artifact=None)
        return _delivered(work, found, out)


def _floating(request: Pruning, folder: Path, progress: Callable[[str], None]) -> Artifact:
    if request.artifact.format == "onnx":
        return request.artifact
    feeds = feeds_of(request.contract, request.held_out, limit=12)
    return convert(request.artifact, "onnx", folder / "float", samples=feeds, progress=progress).artifact


def _sensitivities(work: _Work) -> tuple[Sensitivity, ...]:
    found = []
    for plan in planned(work.floating, **_shares(work.request)):
        drop = None if plan.whole or not plan.gone else work.attempt(only=(plan.group,))[2]
        if drop is not None:
            work.progress(
                f"{plan.group}: {len(plan.gone)} of {plan.size} channels go: drop {drop.value:+.4f}"
            )
        else:
            work.progress(f"{plan.group}: stays whole: {plan.whole or 'too few channels'}")
        found.append(Sensitivity(plan, drop))
    if not any(each.drop for each in found):
        raise ModelError(
            "not pruned: no channel can go: "
            + (
                "; ".join(f"{each.plan.group}: {each.plan.whole}" for each in found) or "the model makes none"
            ),
            hint="quantize it instead, or give a larger --sparsity",
        )
    return tuple(found)


def _searched(work: _Work, groups: Sequence[Sensitivity]) -> Pruned:
    """All groups first; where too much is lost the most costly ones are spared, as few as will do."""
    order = sorted((each for each in groups if each.drop), key=_cost, reverse=True)
    names = [each.plan.group for each in order]
    first = _pruned(work, groups, ())
    if first.accepted:
        return first
    found = first
    lost, held = 0, len(names)  # so many spared: too much is lost; the drop holds (with all of them it does)
    while held - lost > 1:
        middle = (lost + held) // 2
        tried_here = _pruned(work, groups, tuple(names[:middle]))
        if tried_here.accepted:
            held, found = middle, tried_here
        else:
            lost = middle
    return found


def _cost(each: Sensitivity) -> float:
    return each.drop.value if each.drop else 0.0


def _pruned(work: _Work, groups: Sequence[Sensitivity], spared: tuple[str, ...]) -> Pruned:
    made = work.attempt(keep=spared)
    left = f", {len(spared)} groups spared" if spared else ""
    work.progress(f"pruned{left}: {made[2].words(work.request.max_drop)}")
    plans = planned(work.floating, **_shares(work.request), keep=spared)
    return _result(work, groups, made, spared=spared, plans=tuple(plans))


def _trained(work: _Work, groups: Sequence[Sensitivity]) -> Pruned:
    """All groups are pruned, and the script makes up for it."""
    script = work.request.script
    if script is None:
        raise ModelError("there is no script to train with")
    untrained, _, lost = work.attempt()
    plans = tuple(planned(work.floating, **_shares(work.request)))
    work.progress(f"pruned, not trained yet: drop {lost.value:+.4f}")
    _plan_file(untrained.graph.parent / PLAN, plans)
    trained = finetuned(
        script,
        untrained,
        data=work.request.train,
        folder=work.folder / "trained",
        seed=work.request.seed,
        progress=work.progress,
    )
    made = work.judged(_as_onnx(work, trained))
    work.progress(f"trained: {made[2].words(work.request.max_drop)}")
    return _result(work, groups, made, spared=(), plans=plans)


def _as_onnx(work: _Work, trained: Artifact) -> Artifact:
    """What a script left in the form that it is compared in: one engine against itself."""
    if trained.format == "onnx":
        return trained
    request = work.request
    feeds = feeds_of(request.contract, request.held_out, limit=12)
    return convert(trained, "onnx", work.folder / "trained-onnx", samples=feeds).artifact


def _result(
    work: _Work, groups: Sequence[Sensitivity], made: tuple[Artifact, Score, Drop], **more: Any
) -> Pruned:
    candidate, score, drop = made
    return Pruned(
        source=work.source,
        groups=tuple(groups),
        score=score,
        drop=drop,
        accepted=drop.ruling(work.request.max_drop) is Ruling.ACCEPTED,
        before=work.floating.size,
        after=candidate.size,
        artifact=candidate,
        **more,
    )


def _timed(work: _Work, found: Pruned) -> Pruned:
    """The model in ONNX and the result in turn: what is faster has to be measured."""
    feeds = feeds_of(work.request.contract, work.request.held_out, limit=1)
    if not feeds or found.artifact is None:
        return replace(found, untimed="not timed: no sample can be prepared")
    before = Runner(work.floating, available_runtime(work.floating), SessionOptions())
    after = Runner(found.artifact, available_runtime(found.artifact), SessionOptions())
    timing, why = tried(before, after, feeds[0])
    return replace(found, timing=timing, untimed=why)


def _delivered(work: _Work, found: Pruned, out: Path) -> Pruned:
    made = found.artifact
    if made is None:
        return found
    result = work.folder / "result"
    result.mkdir()
    for each in made.files:
        shutil.copyfile(each.path, result / each.path.name)
    contract = work.request.contract
    lists = {what: value for what, value in contract.fingerprints.items() if what in ("labels", "vocabulary")}
    # Fingerprints and the deployment profile are those of the model as given.
    save_contract(replace(contract, fingerprints=lists, deployment=None), result / "contract.yaml")
    text = json.dumps(document(found, work.request), indent=2, ensure_ascii=False) + "\n"
    (result / PLAN).write_text(text, "utf-8")
    publish(result, out)
    return replace(found, artifact=open_model(out / made.graph.name))


def document(found: Pruned, request: Pruning) -> dict[str, Any]:
    """The result as plain data."""
    timing = found.timing
    return {
        "format": FORMAT,
        "model": request.artifact.digest,
        "data": request.held_out.digest,
        "sparsity": request.sparsity,
        "max_drop": request.max_drop,
        "spared": list(found.spared),
        "plans": [asdict(each) for each in found.plans],
        "sensitivity": {each.plan.group: asdict(each.drop) for each in found.groups if each.drop},
        "accuracy": asdict(found.score.value),
        "drop": asdict(found.drop),
        "bytes": [found.before, found.after],
        "milliseconds": [timing.before * 1e3, timing.after * 1e3] if timing else None,
        "ratio": asdict(timing.ratio) if timing else None,
    }


def _plan_file(path: Path, plans: Sequence[Plan]) -> None:
    """What a training script needs to know of the pruned model: which channels are left."""
    text = json.dumps({"format": FORMAT, "plans": [asdict(each) for each in plans]}, indent=2)
    path.write_text(text + "\n", "utf-8")
