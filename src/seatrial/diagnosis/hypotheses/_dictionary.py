"""An OCR dictionary that is off by a line: told from the characters that stand where others should."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import numpy as np

from seatrial.contract.sample import Array
from seatrial.diagnosis.case import Case, Observation
from seatrial.diagnosis.hypotheses._edits import Suspect
from seatrial.diagnosis.hypotheses._outputs import (
    calls,
    field,
    option,
    relabelled,
    reordered,
    right_answers,
    scores_of,
    with_outputs,
)
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

FEWEST = 3  # characters that must tell the same
PURE = 0.8  # share of one character's replacements that must be the same one
Pair = tuple[int, str]  # place of the deployed character in the dictionary, the right character


def propose(case: Case, setup: Setup, seen: Observation) -> Iterator[Intervention]:
    """The dictionary with a line more or less at the place where its characters begin to be wrong."""
    right = case.reference.contract
    if right is not None and right.labels and right.labels != setup.contract.labels:
        yield relabelled(
            setup, right.labels, "reference-dictionary", _differs(setup.contract.labels, right.labels), 25.0
        )
    yield from _counted(case, setup, seen)
    yield from _columns(case, setup, seen)
    labels = setup.contract.labels
    pairs = _pairs(case, setup, seen)
    if len(pairs) < FEWEST:
        return
    before = _share(labels, pairs)
    for name, listed, said in _lists(labels, pairs):
        after = _share(listed, pairs)
        if after > before:
            yield relabelled(setup, listed, name, said, 20.0 if after >= 0.8 else 3.0)


def _counted(case: Case, setup: Setup, seen: Observation) -> Iterator[Intervention]:
    """As many characters as the model has classes."""
    scores = scores_of(seen)
    for place, call in calls(setup, "ctc_decode"):
        labels, space = setup.contract.labels, bool(option(call, "space"))
        more = scores[0].shape[-1] - (len(labels) + 1 + space) if scores else 0
        if not space and labels and labels[-1] == "" and not more:
            yield _emptied(setup, place)
        if more == (-1 if space else 1):
            yield _space(setup, place, space=space)
        if abs(more) == 1:
            yield from _solved_count(case, setup, seen, blank=int(option(call, "blank")))
        if more == 1:
            lost = Text("The dictionary lost its first line.", "字典缺少第一行。")
            yield relabelled(setup, ("#", *labels), "line-before", lost, 8.0)
            last = Text("The dictionary lost its last line.", "字典缺少最后一行。")
            yield relabelled(setup, (*labels, " "), "line-after", last, 8.0)
        if more == -1:
            first = Text(
                f"The dictionary has a line too many: {labels[0]!r}.", f"字典多了一行：“{labels[0]}”。"
            )
            yield relabelled(setup, labels[1:], "without-first", first, 8.0)
            last = Text(
                f"The dictionary has a line too many: {labels[-1]!r}.", f"字典多了一行：“{labels[-1]}”。"
            )
            yield relabelled(setup, labels[:-1], "without-last", last, 8.0)


def _emptied(setup: Setup, place: int) -> Intervention:
    """The last class is an empty line where the model has the space."""
    spaced = setup.with_options("postprocess", place, space=True)
    return Intervention(
        hypothesis="label-map",
        name="space-for-empty-line",
        setup=spaced.with_contract(labels=setup.contract.labels[:-1]),
        said=Text(
            "The dictionary ends with an empty line where the model has the space: spaces are lost.",
            "字典以空行结尾，而模型在该处是空格：空格全部丢失。",
        ),
        fix=Text(
            "drop the empty line and set space: true in ctc_decode",
            "删去字典末尾的空行，并把 ctc_decode 的 space 设为 true",
        ),
        prior=20.0,
        place=("postprocess", place),
    )


def _columns(case: Case, setup: Setup, seen: Observation) -> Iterator[Intervention]:
    """Classes exchanged in the last layer: the best class of each step against the reference's."""
    votes: dict[int, Counter[int]] = defaultdict(Counter)
    count = 0
    for place, outputs in zip(seen.places, seen.outputs, strict=True):
        right = case.reference.outputs[place] if case.reference.outputs is not None else None
        if not outputs or not right or outputs[0].shape != right[0].shape or outputs[0].ndim != 3:
            continue
        count = outputs[0].shape[-1]
        for mine, wanted in zip(outputs[0][0].argmax(-1), right[0][0].argmax(-1), strict=True):
            votes[int(mine)][int(wanted)] += 1
    moved = {
        old: best[0]
        for old, counted in votes.items()
        for best in counted.most_common(1)
        if best[0] != old and best[1] >= PURE * counted.total()
    }
    # Seen one way only, the exchange is taken to be one of two.
    both = {**{new: old for old, new in moved.items()}, **moved}
    if not moved or sorted(both) != sorted(both.values()):
        return
    source = list(range(count))
    for old, new in both.items():
        source[new] = old
    labels = ["", *setup.contract.labels, " "]  # with the blank first, as most models have it
    shown = ", ".join(f"{labels[old]!r} is {labels[new]!r}" for old, new in list(moved.items())[:4])
    yield Intervention(
        hypothesis="label-map",
        name="classes-exchanged",
        setup=with_outputs(setup, reordered(source, -1)),
        said=Text(f"Classes are in each other's place: {shown}.", f"类别位置互换：{shown}。"),
        fix=Text(
            "take the dictionary in the model's order, or export the last layer again",
            "使用与模型顺序一致的字典，或重新导出最后一层",
        ),
        prior=20.0,
        place=("labels",),
    )


def _solved_count(case: Case, setup: Setup, seen: Observation, *, blank: int) -> Iterator[Intervention]:
    """Where a line is missing or too many: below it classes mean their own line, above it the next."""
    labels = setup.contract.labels
    pairs = [
        pair
        for place, outputs in zip(seen.places, seen.outputs, strict=True)
        if outputs and case.reference.answers is not None
        for pair in _read(outputs[0][0], str(field(case.reference.answers[place], "text") or ""), blank)
    ]
    wrong = sorted(place for place, right in pairs if place >= len(labels) or labels[place] != right)
    if not wrong:
        return
    first = wrong[0]
    new = [right for place, right in pairs if place == first and right not in labels]
    strange = [right for _, right in pairs if right not in labels]
    at = first if new or not first else first - 1
    lost = (new or strange or ["\ufffd"])[0]
    for name, listed, said in (
        ("line-added", (*labels[:at], lost, *labels[at:]), _off(-1, at)),
        ("line-removed", (*labels[:first], *labels[first + 1 :]), _off(1, first)),
    ):
        right_share = sum(place < len(listed) and listed[place] == right for place, right in pairs)
        if right_share >= PURE * len(pairs):
            yield relabelled(setup, listed, name, said, 20.0)


def _read(scores: Array, text: str, blank: int) -> Iterator[Pair]:
    """Places in the dictionary beside the characters they mean, where the path is as long as the text."""
    blank %= scores.shape[-1]
    best = scores.argmax(axis=-1)
    begins = np.r_[True, best[1:] != best[:-1]]
    path = [int(each) for each in best[begins & (best != blank)]]
    if len(path) == len(text):
        yield from (
            (each - (each > blank), right) for each, right in zip(path, text, strict=True) if right != " "
        )


def _space(setup: Setup, place: int, *, space: bool) -> Intervention:
    said = (
        Text("A space is added to a dictionary that has none in the model.", "字典被多加了一个空格字符。")
        if space
        else Text("The space behind the dictionary is missing.", "字典末尾缺少空格字符。")
    )
    return Suspect("label-map", setup, place, "postprocess").given("space", not space, said, 20.0)


def _pairs(case: Case, setup: Setup, seen: Observation) -> list[Pair]:
    """Characters of the deployed text beside those that should stand there."""
    at = {character: place for place, character in reversed(list(enumerate(setup.contract.labels)))}
    found: list[Pair] = []
    for _, got, right in right_answers(case, seen):
        mine, wanted = str(field(got, "text") or ""), str(field(right, "text") or "")
        for one, other in _aligned(mine, wanted):
            if one in at:
                found.append((at[one], other))
    return found


def _aligned(mine: str, wanted: str) -> Iterator[tuple[str, str]]:
    """Equal lengths stand side by side: a wrong dictionary changes characters and drops none."""
    if len(mine) == len(wanted):
        yield from zip(mine, wanted, strict=True)
        return
    for kind, i, j, k, m in SequenceMatcher(None, mine, wanted, autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and j - i == m - k):
            yield from zip(mine[i:j], wanted[k:m], strict=True)


def _lists(labels: tuple[str, ...], pairs: Sequence[Pair]) -> Iterator[tuple[str, tuple[str, ...], Text]]:
    at = {character: place for place, character in reversed(list(enumerate(labels)))}
    offsets = Counter(at[right] - place for place, right in pairs if right in at)
    for by in (1, -1):
        if offsets[by] >= FEWEST:
            start = _start(pairs, at, by)
            yield f"line-{by:+d}-at-{start}", _moved(labels, pairs, by, start), _off(by, start)
    solved = _solved(labels, pairs)
    if solved != labels:
        yield "permuted", solved, _differs(labels, solved)


def _start(pairs: Sequence[Pair], at: dict[str, int], by: int) -> int:
    """First place in the dictionary from which on its characters are off; everything before it is right."""
    places = sorted({place for place, _ in pairs})
    told = [(place, at[right] - place) for place, right in pairs if right in at]
    best, start = -1, 0
    for candidate in [0, *places]:
        hits = sum(offset == (by if place >= candidate else 0) for place, offset in told)
        if hits > best:
            best, start = hits, candidate
    return start


def _moved(labels: tuple[str, ...], pairs: Sequence[Pair], by: int, start: int) -> tuple[str, ...]:
    """The list with the line at `start` taken away (+1) or one put in there (-1), as long as before."""
    if by == 1:
        return (*labels[:start], *labels[start + 1 :], labels[start])
    new = Counter(right for place, right in pairs if place == start and right not in labels)
    lost = new.most_common(1)[0][0] if new else labels[-1]
    return (*labels[:start], lost, *labels[start:-1])


def _solved(labels: tuple[str, ...], pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Each character exchanged for the one that the reference nearly always has in its place."""
    votes: dict[int, Counter[str]] = defaultdict(Counter)
    for place, right in pairs:
        votes[place][right] += 1
    solved = list(labels)
    for place, counted in votes.items():
        right, count = counted.most_common(1)[0]
        if count >= PURE * counted.total():
            solved[place] = right
    return tuple(solved)


def _share(labels: Sequence[str], pairs: Sequence[Pair]) -> float:
    return sum(labels[place] == right for place, right in pairs) / len(pairs)


def _off(by: int, start: int) -> Text:
    what, what_zh = ("one line too many", "多了一行") if by == 1 else ("one line too few", "少了一行")
    return Text(
        f"The dictionary is off by one from line {start + 1} on: it has {what} there.",
        f"字典从第 {start + 1} 行起错位一行：那里{what_zh}。",
    )


def _differs(now: Sequence[str], right: Sequence[str]) -> Text:
    first = next(
        (i for i, (a, b) in enumerate(zip(now, right, strict=False)) if a != b), min(len(now), len(right))
    )
    wrong = sum(a != b for a, b in zip(now, right, strict=False))
    if wrong <= 1:
        return Text(f"The dictionary differs from line {first + 1} on.", f"字典从第 {first + 1} 行起不同。")
    return Text(
        f"{wrong} lines of the dictionary are wrong, the first is line {first + 1}: {now[first]!r} instead "
        f"of {right[first]!r}.",
        f"字典有 {wrong} 行不对，第一处在第 {first + 1} 行：现为“{now[first]}”，应为“{right[first]}”。",
    )
