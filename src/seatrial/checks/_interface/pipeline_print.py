"""What the pipelines made of each sample, in some bytes: are the same weights used otherwise? (F21-F25).

Accuracy needs many samples to see that a picture is resized by another library or that capitals are kept. The
print of a sample sees it in one: it holds the integers fed as a checksum, the floating numbers as two random
projections (a change d of n numbers moves each by about the root mean square of d), and the answer likewise.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict
from seatrial.checks._inference import Feed, Predictions
from seatrial.checks._probing import spread
from seatrial.checks._trial import Baseline, Trial

MOST = 1024  # samples in a print: 28 bytes each
# Other versions of a library differ by 1e-7; half a gray level of a normalised picture is 2e-3.
SAME = 1e-4
_ROW = np.dtype(
    [("form", "<u4"), ("ids", "<u4"), ("fed", "<f4", 2), ("words", "<u4"), ("said", "<f4", 2)]
)  # fmt: skip


@dataclass(frozen=True)
class Moved:
    """Samples that are treated otherwise than when the print was taken.

    Attributes:
        fed: Places whose prepared arrays differ.
        answered: Places whose arrays are the same and whose answers differ.
        examined: Samples compared.
    """

    fed: tuple[int, ...]
    answered: tuple[int, ...]
    examined: int

    @property
    def share(self) -> float:
        """Of the samples compared, 0 to 1."""
        return (len(self.fed) + len(self.answered)) / max(self.examined, 1)


def take(found: Predictions) -> str:
    """The print of up to `MOST` samples, spread over all, as base64."""
    rows = np.zeros(min(len(found), MOST), _ROW)
    for row, place in zip(rows, _places(len(found)), strict=True):
        feed = found.feeds[place]
        if feed is not None:
            row["form"], row["ids"], row["fed"] = _of_feed(feed)
        row["words"], row["said"] = _of_answer(found.answers[place])
    return base64.b64encode(rows.tobytes()).decode()


def compare(kept: str, found: Predictions) -> Moved | None:
    """Today's samples against a kept print; None when it is a print of another number of samples."""
    before = np.frombuffer(base64.b64decode(kept), _ROW)
    now = np.frombuffer(base64.b64decode(take(found)), _ROW)
    if len(before) != len(now):
        return None
    fed = (before["form"] != now["form"]) | (before["ids"] != now["ids"]) | _apart(before["fed"], now["fed"])
    answered = (before["words"] != now["words"]) | _apart(before["said"], now["said"])
    places = np.array(_places(len(found)), int)
    return Moved(
        tuple(places[fed].tolist()), tuple(places[answered & ~fed].tolist()), examined=len(now)
    )  # fmt: skip


def _places(count: int) -> list[int]:
    return list(spread(range(count), MOST))


def _apart(before: Any, now: Any) -> Any:
    """Whether projections differ by more than rounding, against the size of what was projected."""
    far = np.abs(before.astype("float64") - now).max(axis=1)
    return ~(far <= SAME * (1 + np.abs(before).max(axis=1)))


def _of_feed(feed: Feed) -> tuple[int, int, Any]:
    form = ids = 0
    fed = np.zeros(2)
    for name, array in sorted(feed.items()):
        form = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), form)
        if array.dtype.kind == "f":
            fed += _projected(np.asarray(array, "float64").ravel())
        else:
            ids = zlib.crc32(np.ascontiguousarray(array).tobytes(), ids)
    return form, ids, fed


def _of_answer(answer: Any) -> tuple[int, Any]:
    words, numbers = 0, []
    for each in _leaves(answer):
        if isinstance(each, (int, float)) and not isinstance(each, bool):
            numbers.append(float(each))
        else:
            words = zlib.crc32(str(each).encode("utf-8", "surrogatepass"), words)
    return words, _projected(np.array(numbers))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _leaves(value[key])
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _projected(numbers: Any) -> Any:
    """Two projections on random signs, scaled so that they are about as large as the numbers."""
    if not numbers.size:
        return np.zeros(2)
    finite = np.nan_to_num(numbers, nan=-1e6, posinf=1e6, neginf=-1e6)
    return (_signs(numbers.size) * finite).sum(axis=1) / np.sqrt(numbers.size) + finite.mean()


@lru_cache(maxsize=8)
def _signs(count: int) -> Any:
    return np.random.default_rng(count).choice(np.array([-1, 1], "int8"), (2, count))


# --- the finding ---------------------------------------------------------------------------------------


def judge_pipeline(trial: Trial, found: Predictions, baseline: Baseline) -> list[Finding]:
    """The same weights with other pipelines: no sample may be fed or answered otherwise, unless allowed.

    There is nothing to say where the model, the data or the pipelines are not comparable.
    """
    kept = baseline.figures.get("interface", {}).get("print")
    changed = baseline.preprocess_digest != trial.contract.preprocess_digest()
    same = (baseline.model_digest, baseline.data_digest) == (trial.artifact.digest, trial.held_out.digest)
    moved = compare(kept, found) if changed and same and isinstance(kept, str) else None
    if moved is None:
        return []
    limit = trial.limit("interface.changed", 0.0, reason="the weights are those of the baseline")
    return [_judged(found, baseline.name, moved, limit)]


def _judged(found: Predictions, name: str, moved: Moved, limit: Limit) -> Finding:
    bad = moved.share > limit.number
    rows = [(found.samples[place].key, "fed otherwise") for place in moved.fed[:8]]
    rows += [(found.samples[place].key, "answered otherwise") for place in moved.answered[:8]]
    table = Table(Text("changed samples", "发生变化的样本"), ("sample", "how"), tuple(rows))
    return Finding(
        "interface.pipeline",
        Verdict.FAIL if bad else Verdict.PASS,
        _said(moved, name),
        moved.examined,
        measured=round(moved.share, 4),
        limit=limit,
        evidence=(table,) if rows else (),
        cause=_CAUSE if bad else None,
        fix=_FIX if bad else None,
        where=rows[0][0] if rows else "",
    )


def _said(moved: Moved, name: str) -> Text:
    fed, answered, n = len(moved.fed), len(moved.answered), moved.examined
    if not moved.share:
        return Text(
            f"the pipelines were rewritten since baseline '{name}'; {n} samples fare as before",
            f"前后处理相对基线“{name}”有改写，但 {n} 个样本的输入与答案均不变",
        )
    return Text(
        f"the weights are those of baseline '{name}', the pipelines are not: of {n} samples {fed} are fed "
        f"otherwise, {answered} more answered otherwise",
        f"权重与基线“{name}”相同，前后处理却不同：{n} 个样本中 {fed} 个的输入改变，"
        f"另有 {answered} 个的答案改变",
    )


_CAUSE = Text(
    "A step, an option or a list of the contract was edited, and the weights were trained for the old one.",
    "契约中的步骤、选项或列表被修改，而权重是按原来的方式训练的。",
)
_FIX = Text(
    "Restore the pipelines of the baseline. If the change is a correction, allow it by the limit "
    "interface.changed in the contract, and accept the result as the next baseline.",
    "请恢复基线的前后处理；若确属更正，请在契约的 limits 中放宽 interface.changed，再接受为新基线。",
)
