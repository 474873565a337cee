"""What changed from one bundle to the next, and whether who uses it has to do something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from seatrial.contract import Contract, load_contract
from seatrial.deliverables._diff_parts import (
    Change,
    configurations,
    figures,
    flat,
    interface,
    labels,
    leaves,
    models,
    steps,
    tolerances,
)
from seatrial.deliverables._diff_run import Run, run_cases
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import NAME
from seatrial.text import Text

Verdict = Literal["identical", "compatible", "answers change", "needs new client code"]
CONTRACT = "contract.yaml"


@dataclass(frozen=True)
class FileChange:
    """One file that is not as it was.

    Attributes:
        path: In the bundle.
        role: Of the file.
        change: `added`, `removed` or `changed`.
        before: Bytes, or None when it was not there.
        after: Likewise.
    """

    path: str
    role: str
    change: Literal["added", "removed", "changed"]
    before: int | None
    after: int | None


@dataclass(frozen=True)
class BundleDiff:
    """The difference of two bundles, JSON-able by `to_data`.

    Attributes:
        old: `name@version`.
        new: Likewise.
        old_digest: Of the manifest.
        new_digest: Likewise.
        verdict: What it means to who uses the bundle.
        reasons: Why, the weightiest first.
        changes: Everything that has a name and two values.
        files: By path.
        run: What the new model made of the old test cases; None when it was not asked.
    """

    old: str
    new: str
    old_digest: str
    new_digest: str
    verdict: Verdict
    reasons: tuple[Text, ...]
    changes: tuple[Change, ...]
    files: tuple[FileChange, ...]
    run: Run | None = None

    def of_area(self, area: str) -> tuple[Change, ...]:
        """The changes of one area, such as `operators`."""
        return tuple(each for each in self.changes if each.area == area)

    def to_data(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def bundle_diff(old: Bundle, new: Bundle, *, run: bool = False) -> BundleDiff:
    """Compares two bundles, neither of which has to be of the same model.

    Args:
        old: What was delivered before.
        new: What comes now.
        run: Also ask the new model for the old test cases, in a worker process.

    Raises:
        TrustError: One of them is not what its manifest says.
        ModelError: A contract or a model in them cannot be read, or the new one cannot be run.
    """
    for each in (old, new):
        each.verify()
    before, after = _contract(old), _contract(new)
    changes = tuple(_changes(old, new, before, after))
    asked = run_cases(old, new, before, after) if run and not _client_reasons(changes) else None
    verdict, reasons = _judged(old, new, changes, asked)
    return BundleDiff(
        old=old.manifest.release,
        new=new.manifest.release,
        old_digest=old.digest,
        new_digest=new.digest,
        verdict=verdict,
        reasons=reasons,
        changes=changes,
        files=tuple(_files(old, new)),
        run=asked,
    )


def _contract(bundle: Bundle) -> Contract:
    return load_contract(bundle.folder / CONTRACT)


def _changes(old: Bundle, new: Bundle, before: Contract, after: Contract) -> Iterator[Change]:
    yield from leaves("release", _release(old), _release(new))
    yield from models(old, new)
    yield from interface(before, after)
    yield from labels("labels", before.labels, after.labels)
    yield from labels("vocabulary", before.vocabulary, after.vocabulary)
    yield from steps("preprocess", before.preprocess, after.preprocess)
    yield from steps("postprocess", before.postprocess, after.postprocess)
    yield from leaves("limits", flat(before.limits), flat(after.limits))
    yield from leaves("deployment", _deployment(before), _deployment(after))
    yield from figures(old, new)
    yield from configurations(old, new)
    yield from tolerances(old, new)


def _deployment(contract: Contract) -> dict[str, Any]:
    return flat(asdict(contract.deployment)) if contract.deployment else {}


def _release(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    said = manifest.extra.get("said")
    return {
        "name": manifest.name,
        "version": manifest.version,
        "size": sum(each.size for each in manifest.files),
        **(flat(said) if isinstance(said, Mapping) else {}),
    }


def _files(old: Bundle, new: Bundle) -> Iterator[FileChange]:
    before = {each.path: each for each in old.manifest.files}
    after = {each.path: each for each in new.manifest.files}
    for path in sorted(before.keys() | after.keys()):
        was, now = before.get(path), after.get(path)
        if was is None and now is not None:
            yield FileChange(path, now.role, "added", None, now.size)
        elif was is not None and now is None:
            yield FileChange(path, was.role, "removed", was.size, None)
        elif was is not None and now is not None and was.sha256 != now.sha256:
            yield FileChange(path, now.role, "changed", was.size, now.size)


def _judged(
    old: Bundle, new: Bundle, changes: Sequence[Change], run: Run | None
) -> tuple[Verdict, tuple[Text, ...]]:
    if old.digest == new.digest:
        same = Text(f"both have the digest {old.digest} ({NAME})", f"两者摘要相同：{old.digest}（{NAME}）")
        return "identical", (same,)
    client = _client_reasons(changes)
    if client:
        return "needs new client code", client
    answers = _answer_reasons(old, new, changes)
    if run is not None and run.proves_equal and not _other_words(changes):
        said = Text(
            f"the new model gives the old answers to all {run.cases} test cases of {old.manifest.release}",
            f"新模型对 {old.manifest.release} 的全部 {run.cases} 个测试用例给出相同答案",
        )
        return "compatible", (said, *answers)
    if answers:
        return "answers change", answers
    return "compatible", (Text("the model and its contract are the same", "模型与契约均未改变"),)


def _client_reasons(changes: Sequence[Change]) -> tuple[Text, ...]:
    """What a client that was written for the old bundle trips over."""
    said = {
        "inputs": Text("the inputs changed", "输入发生变化"),
        "outputs": Text("the outputs changed", "输出发生变化"),
        "answer": Text("the form of the answers changed", "答案的格式发生变化"),
        "payload": Text("another kind of payload is taken", "接收的数据类型发生变化"),
    }
    areas = {each.area for each in changes}
    return tuple(text for area, text in said.items() if area in areas)


def _answer_reasons(old: Bundle, new: Bundle, changes: Sequence[Change]) -> tuple[Text, ...]:
    said = {
        "preprocess": Text(
            "the preprocessing changed: who prepares tensors without our SDK has to follow",
            "预处理发生变化：未使用 SDK 自行准备张量的一方需同步修改",
        ),
        "postprocess": Text("the postprocessing changed", "后处理发生变化"),
        "labels": Text("the labels changed", "标签发生变化"),
        "vocabulary": Text("the vocabulary changed", "词表发生变化"),
    }
    areas = {each.area for each in changes}
    reasons = [text for area, text in said.items() if area in areas]
    if not _same_model(old, new):
        reasons.insert(
            0, Text("it is another model: its weights or graph changed", "模型的权重或图结构已改变")
        )
    return tuple(reasons)


def _same_model(old: Bundle, new: Bundle) -> bool:
    """Whether the preferred model of one is a model of the other: those of a bundle answer alike."""
    digests = {each.digest for each in old.manifest.models}
    return any(each.digest in digests for each in new.manifest.models)


def _other_words(changes: Sequence[Change]) -> bool:
    """Whether answers are told in other words, whatever the numbers: a few cases do not see every label."""
    return any(each.area in ("labels", "vocabulary") for each in changes)
