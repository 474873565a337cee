"""What the tokenizer makes of held-out texts: ids inside the vocabulary, few unknown (`M03`, F24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.checks._finding import Finding, Limit, Text, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNKNOWN = ("[UNK]", "<unk>", "<UNK>", "[unk]", "UNK", "unk")


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Ids of all texts together.

    Attributes:
        texts: Texts counted.
        ids: Ids in them.
        unknown: Of them, the id of an unknown word.
        outside: Of them, below zero or beyond the vocabulary (an engine reads past its table, or dies).
    """

    texts: int
    ids: int
    unknown: int
    outside: int


def count_tokens(feeds: Sequence[Mapping[str, Any]], name: str, vocabulary: Sequence[str]) -> TokenCount:
    """Counts the ids in one integer input.

    Args:
        feeds: Prepared texts.
        name: The input that takes ids.
        vocabulary: Tokens by id.
    """
    unknown = next((vocabulary.index(each) for each in UNKNOWN if each in vocabulary), -1)
    ids = [np.asarray(feed[name]).reshape(-1) for feed in feeds if name in feed]
    joined = np.concatenate(ids) if ids else np.zeros(0, "int64")
    outside = int(((joined < 0) | (joined >= len(vocabulary))).sum())
    return TokenCount(len(ids), len(joined), int((joined == unknown).sum()), outside)


def judge_tokens(found: TokenCount, limit: Limit) -> Finding:
    """Many unknown words mean another vocabulary, lost lower-casing or another script."""
    share = found.unknown / max(found.ids, 1)
    bad = bool(found.outside) or share > limit.number
    return Finding(
        "interface.tokens",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"{found.outside} of {found.ids} ids lie outside the vocabulary"
            if found.outside
            else f"{share:.1%} of {found.ids} ids in {found.texts} texts are unknown words",
            f"{found.ids} 个编号中有 {found.outside} 个超出词表"
            if found.outside
            else f"{found.texts} 条文本的 {found.ids} 个编号中，未知词占 {share:.1%}",
        ),
        found.texts,
        measured=round(share, 4),
        limit=limit,
        cause=Text(
            "The vocabulary is another model's, lower-casing was lost, or the texts are of another language.",
            "词表来自其他模型、缺少小写转换，或文本语言不符。",
        )
        if bad
        else None,
        fix=Text(
            "Deliver the vocabulary and the tokenizer options of training.", "请交付训练时的词表与分词选项。"
        )
        if bad
        else None,
    )
