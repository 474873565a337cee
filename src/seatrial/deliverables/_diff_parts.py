"""The parts of two bundles that have names, side by side: specs, steps, labels, figures, settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any

import yaml

from seatrial.checks import Report, from_json
from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec
from seatrial.contract.cases import FOLDER, TOLERANCE
from seatrial.errors import ContractViolation
from seatrial.model.bundle import Bundle

REPORT = "report/report.json"
MOST_NAMES = 50  # labels of a kind of change that are told one by one

# What a receiver asks first; the rest of a report's figures is in the report.
_PERFORMANCE = {
    "performance.latency": "under load p99, ms",
    "performance.knee": "knee, requests/s",
    "performance.memory": "peak memory, MB",
}


@dataclass(frozen=True)
class Change:
    """One thing with a name and two values.

    Attributes:
        area: `inputs`, `operators`, `labels`, `accuracy`...
        name: Of the thing, such as `Conv` or `image.shape`.
        before: Plain value; None when it was not there.
        after: Likewise, when it is not there any more.
    """

    area: str
    name: str
    before: Any
    after: Any


def leaves(area: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Names whose values differ."""
    for name in [*before, *(each for each in after if each not in before)]:
        if before.get(name) != after.get(name):
            yield Change(area, name, before.get(name), after.get(name))


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names; lists stay whole."""
    if isinstance(value, Mapping) and value:
        found: dict[str, Any] = {}
        for name, each in value.items():
            found |= flat(each, f"{prefix}.{name}" if prefix else str(name))
        return found
    return {prefix: value} if prefix else {}


def models(old: Bundle, new: Bundle) -> Iterator[Change]:
    """Formats, digests, sizes, and the operators of the first format that both have."""
    was = {each.format: each for each in old.manifest.models}
    now = {each.format: each for each in new.manifest.models}
    digests = ({name: each.digest for name, each in some.items()} for some in (was, now))
    yield from leaves("formats", *digests)
    yield from leaves("model size", _sizes(old), _sizes(new))
    both = next((name for name in was if name in now), None)
    if both is None or old.manifest.extra.get("sealed") or new.manifest.extra.get("sealed"):
        return
    one, two = old.artifact(was[both]), new.artifact(now[both])
    yield from leaves("model version", {both: one.version}, {both: two.version})
    yield from leaves("operators", dict(sorted(one.operators.items())), dict(sorted(two.operators.items())))


def _sizes(bundle: Bundle) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in bundle.manifest.of_role("model"):
        name = each.path.split("/")[1]
        found[name] = found.get(name, 0) + each.size
    return found


def interface(before: Contract, after: Contract) -> Iterator[Change]:
    """What clients are written against: tensors, the form of answers, what a payload is."""
    yield from leaves("inputs", _specs(before.inputs), _specs(after.inputs))
    yield from leaves("outputs", _specs(before.outputs), _specs(after.outputs))
    yield from leaves("answer", {"task": before.task}, {"task": after.task})
    yield from leaves("answer", flat(before.answer_schema), flat(after.answer_schema))
    yield from leaves("payload", {"kind": _payload(before)}, {"kind": _payload(after)})


def _specs(specs: Sequence[TensorSpec]) -> dict[str, Any]:
    found = {"order": [each.name for each in specs]}
    for each in specs:
        told = asdict(each)
        told["shape"] = [None if isinstance(size, str) else size for size in each.shape]  # names are free
        found |= {f"{each.name}.{name}": value for name, value in told.items() if name != "name"}
    return found


def _payload(contract: Contract) -> str:
    first = contract.preprocess.calls[0].name if contract.preprocess.calls else ""
    if first == "decode_image":
        return "image"
    return "text" if first.startswith("tokenize") else "arrays"


def labels(area: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    """Names that were added, removed, renamed in their place, or moved to another."""
    was = {name: place for place, name in enumerate(before)}
    now = {name: place for place, name in enumerate(after)}
    told: dict[str, list[Change]] = {"renamed": [], "moved": [], "removed": [], "added": []}
    renamed = set()
    for place, (one, two) in enumerate(zip(before, after, strict=False)):
        if one not in now and two not in was:
            renamed |= {one, two}
            told["renamed"].append(Change(area, f"renamed {place}", one, two))
    for name, place in was.items():
        if name in now and now[name] != place:
            told["moved"].append(Change(area, f"moved {name}", place, now[name]))
        elif name not in now and name not in renamed:
            told["removed"].append(Change(area, f"removed {place}", name, None))
    for name, place in now.items():
        if name not in was and name not in renamed:
            told["added"].append(Change(area, f"added {place}", None, name))
    for kind, changes in told.items():
        yield from changes[:MOST_NAMES]
        if len(changes) > MOST_NAMES:
            yield Change(area, f"{kind}, in all", None, len(changes))


def steps(area: str, before: Pipeline, after: Pipeline) -> Iterator[Change]:
    """Steps that were added or removed, and options of those that stayed."""
    one, two = before.calls, after.calls
    matcher = SequenceMatcher(None, [each.name for each in one], [each.name for each in two], autojunk=False)
    for kind, low, high, start, stop in matcher.get_opcodes():
        if kind == "equal":
            for was, now in zip(one[low:high], two[start:stop], strict=True):
                yield from _options(area, was, now)
            continue
        for was in one[low:high]:
            yield Change(area, was.name, was.to_data()[was.name], None)
        for now in two[start:stop]:
            yield Change(area, now.name, None, now.to_data()[now.name])


def _options(area: str, was: StepCall, now: StepCall) -> Iterator[Change]:
    pair = (flat(each.to_data()[each.name], each.name) for each in (was, now))
    yield from leaves(area, *({name: value for name, value in each.items() if value != {}} for each in pair))


def figures(old: Bundle, new: Bundle) -> Iterator[Change]:
    """Verdicts, accuracy with its intervals, and the figures that receivers ask for first."""
    before, after = _report(old), _report(new)
    if before is None or after is None:
        return
    verdicts = ({each.name: each.verdict.value for each in report.results} for report in (before, after))
    yield from leaves("verdicts", *verdicts)
    yield from leaves("accuracy", _accuracy(before), _accuracy(after))
    yield from leaves("performance", _performance(before), _performance(after))
    subjects = (
        {name: value for name, value in each.subject.items() if name != "model"} for each in (before, after)
    )
    yield from leaves("checked with", *subjects)


def _report(bundle: Bundle) -> Report | None:
    if bundle.manifest.file(REPORT) is None:
        return None
    return from_json(bundle.path(REPORT).read_text("utf-8"))


def _accuracy(report: Report) -> dict[str, Any]:
    """Each figure, or the figure with the ends of its interval."""
    metrics = report.figures.get("accuracy", {}).get("metrics", {})
    return {name: list(value) if isinstance(value, Sequence) else value for name, value in metrics.items()}


def _performance(report: Report) -> dict[str, Any]:
    kept = report.figures.get("performance", {})
    alone = {f"alone {name}, ms": value for name, value in kept.get("service_ms", {}).items()}
    return {**alone, **{told: kept[name] for name, told in _PERFORMANCE.items() if name in kept}}


def configurations(old: Bundle, new: Bundle) -> Iterator[Change]:
    """The training's settings, by their dotted names."""
    yield from leaves("hyper-parameters", _configuration(old), _configuration(new))


def _configuration(bundle: Bundle) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in bundle.manifest.of_role("config"):
        text = bundle.path(each).read_text("utf-8", "replace")
        try:
            read = json.loads(text) if each.path.endswith(".json") else yaml.safe_load(text)
        except (ValueError, yaml.YAMLError, RecursionError):
            continue  # it is carried as given; the list of files says that it changed
        found |= flat(_plain(read))
    return found


def _plain(value: Any) -> Any:
    """Dates and the like as text, so that every change can be written as JSON."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def tolerances(old: Bundle, new: Bundle) -> Iterator[Change]:
    """Bounds of the test cases."""
    yield from leaves("tolerance", *(_tolerance(each) for each in (old, new)))


def _tolerance(bundle: Bundle) -> dict[str, Any]:
    path = f"{FOLDER}/{TOLERANCE}"
    if bundle.manifest.file(path) is None:
        return {}
    try:
        return flat(json.loads(bundle.path(path).read_bytes()))
    except ValueError as error:
        raise ContractViolation(f"{path} is no JSON: {error}") from error
