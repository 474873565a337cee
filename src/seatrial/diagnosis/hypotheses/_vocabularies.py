"""Vocabularies with a line more or less: where people lose them, and where the evidence says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from seatrial.diagnosis.hypotheses._look import Look
from seatrial.diagnosis.hypotheses._texts import (
    characters,
    id_input,
    id_pairs,
    specials,
    tokens_before,
    unknown_token,
)
from seatrial.diagnosis.statistics import id_map
from seatrial.text import Text

_LOST = "[lost]"  # stands for a token that nobody can name
_AROUND = (0, -1, 1, -3, 3, -6, 6, -10, 10, -16, 16, -24, 24)  # counts place a token to some lines
_PARTS = 8  # of a vocabulary at whose seams a lost line is tried


@dataclass(frozen=True)
class Edit:
    """One other vocabulary."""

    name: str
    words: tuple[str, ...]
    said: Text
    fix: Text
    prior: float


def _without(words: tuple[str, ...], place: int, prior: float) -> Edit:
    return Edit(
        f"without-line-{place + 1}",
        (*words[:place], *words[place + 1 :]),
        Text(
            f"The vocabulary has a line too many at line {place + 1}: every token behind it has the id of "
            "its neighbor.",
            f"词表第 {place + 1} 行多出一行，其后每个词元的 id 都错位。",
        ),
        Text(f"take line {place + 1} out of the vocabulary", f"删除词表第 {place + 1} 行"),
        prior,
    )


def _with(words: tuple[str, ...], place: int, token: str, prior: float) -> Edit:
    shown = f"'{token}'" if token != _LOST else "the missing token"
    chinese = f"“{token}”" if token != _LOST else "缺失的词元"
    # What a shift pushed out at the end is worth nothing: a blank line there goes.
    rest = words[place:-1] if words and _is_odd(words[-1]) else words[place:]
    return Edit(
        f"line-{place + 1}-added",
        (*words[:place], token, *rest),
        Text(
            f"The vocabulary lacks line {place + 1}: every token behind it has the id of its neighbor.",
            f"词表缺少第 {place + 1} 行，其后每个词元的 id 都错位。",
        ),
        Text(
            f"put {shown} in at line {place + 1} of the vocabulary", f"在词表第 {place + 1} 行补上{chinese}"
        ),
        prior,
    )


def _is_odd(word: str) -> bool:
    return not word.strip() or word.strip("[]<>").lower() == "blank"


def _missing_lines(look: Look) -> int | None:
    """Rows that the model's table of tokens has more than the vocabulary; None where it is not known."""
    name = id_input(look.setup.contract)
    high = next((spec.high for spec in look.setup.contract.inputs if spec.name == name), None)
    return None if high is None else int(high) + 1 - len(look.setup.contract.vocabulary)


def odd_lines(look: Look) -> Iterator[Edit]:
    """Without a line that is blank, or stands twice."""
    words = look.setup.contract.vocabulary
    seen: set[str] = set()
    found = []
    for place, word in enumerate(words):
        if word in seen or _is_odd(word):
            found.append(place)
        seen.add(word)
    for place in found[:4]:
        yield from _shorter(look, place, 6.0)


def shortened(look: Look) -> Iterator[Edit]:
    """Without the first line, or the first behind the special tokens."""
    words, missing = look.setup.contract.vocabulary, _missing_lines(look)
    weight = 1.0 if missing is None or missing <= 0 else 0.3
    for place in dict.fromkeys((0, specials(words))):
        yield from _shorter(look, place, weight)


def _shorter(look: Look, place: int, prior: float) -> Iterator[Edit]:
    """Without a line; and with the token at the end again that it pushed out, as far as samples tell."""
    words = look.setup.contract.vocabulary
    edit = _without(words, place, prior)
    yield edit
    lost = _unknown_tokens(_tokens(look), words)
    if lost and _missing_lines(look) in (0, None):
        yield replace(edit, name=f"{edit.name}-filled", words=(*edit.words, lost[0]), prior=0.5 * prior)


def widened(look: Look) -> Iterator[Edit]:
    """With a line more: at the top, where the lost token would stand by its frequency, and at some seams."""
    words, missing = look.setup.contract.vocabulary, _missing_lines(look)
    first, size = specials(words), len(words)
    weight = 2.0 if missing == 1 else 0.3 if missing is not None and missing < 0 else 1.0
    tokens = _tokens(look)
    lost = _unknown_tokens(tokens, words)
    token = lost[0] if lost else _LOST
    if lost:
        guess = _place_by_frequency(tokens, words, lost[0])
        strong = 4.0 if guess is not None and tokens[lost[0]] >= 5 else 1.0
        for offset in _AROUND if guess is not None else ():
            at = (guess or 0) + offset
            if first <= at <= size:
                yield _with(words, at, token, strong * weight / (1 + 0.1 * abs(offset)))
    for place in dict.fromkeys((first, 0)):
        yield _with(words, place, token, 1.2 * weight)
    for place in _seams(first, size):
        yield _with(words, place, token, 0.8 * weight)


def _seams(first: int, size: int) -> list[int]:
    """Places from the top to the end: close together where frequent tokens stand, and evenly spread."""
    even = [first + (size + 1 - first) * part // _PARTS for part in range(1, _PARTS)]
    close = [first + (1 << power) for power in range(1, 12, 2)]
    return [place for place in dict.fromkeys([*even, *close]) if first < place < size]


def _tokens(look: Look) -> Counter[str]:
    lookups = look.setup.places("preprocess", "lookup")
    return tokens_before(look, lookups[0]) if lookups else characters(look)


def _unknown_tokens(tokens: Counter[str], words: Sequence[str]) -> list[str]:
    """Tokens of the samples that the vocabulary lacks, most frequent first."""
    known = set(words)
    return [token for token, _ in tokens.most_common() if token not in known and token.strip()]


def _place_by_frequency(tokens: Counter[str], words: Sequence[str], token: str) -> int | None:
    """Where a token would stand in a vocabulary that is sorted by frequency; None where it is not."""
    counts = [tokens[word] for word in words]
    first = specials(words)
    parts = [counts[first + low : first + high] for low, high in ((0, 30), (30, 150), (150, 600))]
    means = [sum(part) / len(part) for part in parts if part]
    if len(means) < 2 or any(b >= 0.8 * a for a, b in pairwise(means)):
        return None
    # The place that parts more frequent tokens from rarer ones with the fewest exceptions.
    mine = tokens[token]
    score, best, place = 0, 0, first
    for at in range(first, len(words)):
        score += 1 if counts[at] > mine else -1 if counts[at] < mine else 0
        if score > best:
            best, place = score, at + 1
    return place


def solved(look: Look) -> Iterator[Edit]:
    """The vocabulary that gives the ids which the training side is known to have fed."""
    pairs = id_pairs(look)
    words = look.setup.contract.vocabulary
    unknown = unknown_token(look)
    strange = words.index(unknown) if unknown in words else -1
    known = [(fed[fed != strange], right[fed != strange]) for fed, right, _ in pairs]
    mapping = dict(id_map([fed for fed, _ in known], [right for _, right in known]))
    moved = {old: new for old, new in mapping.items() if old != new and old < len(words)}
    if not moved:
        return
    found = _rebuilt(words, mapping)
    for fed, right, tokens in pairs:
        for old, new, token in zip(fed.tolist(), right.tolist(), tokens or (), strict=False):
            if old == strange and new < len(found) and found[new] == _LOST:
                found[new] = token
    begin = min(moved)
    yield Edit(
        "solved",
        tuple(found),
        Text(
            f"The vocabulary is shifted from line {begin + 1} on: '{words[begin]}' has id {begin} here and "
            f"{moved[begin]} in training.",
            f"词表从第 {begin + 1} 行起错位："
            f"“{words[begin]}”在服务中的 id 是 {begin}，训练时是 {moved[begin]}。",
        ),
        Text(
            f"use the vocabulary of training; '{words[begin]}' stands on line {moved[begin] + 1} of it",
            f"改用训练时的词表，其中“{words[begin]}”在第 {moved[begin] + 1} 行",
        ),
        3.0,
    )


def _rebuilt(words: Sequence[str], mapping: Mapping[int, int]) -> list[str]:
    """Words at their right ids; those that no sample shows move with the neighbor before them."""
    known = dict(mapping)
    size = max(len(words), *(new + 1 for new in known.values()))
    found: list[str | None] = [None] * size
    for old, new in known.items():
        if old < len(words):
            found[new] = words[old]
    shift = known[min(known)] - min(known)
    for old, word in enumerate(words):
        if old in known:
            shift = known[old] - old
        elif 0 <= old + shift < size and found[old + shift] is None:
            found[old + shift] = word
    return [word if word is not None else _LOST for word in found]
