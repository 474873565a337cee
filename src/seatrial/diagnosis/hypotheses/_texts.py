"""Where in a preprocessing text becomes tokens and tokens become ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from seatrial.contract import Contract
from seatrial.contract.sample import Array
from seatrial.diagnosis.hypotheses._edits import option, steps_with
from seatrial.diagnosis.hypotheses._look import Look
from seatrial.diagnosis.hypotheses._payloads import traits

TOKENIZERS = ("tokenize_chars", "tokenize_words", "tokenize_bert")
READERS = ("lookup", "tokenize_bert")  # steps that read the vocabulary
_TEXTS = 400  # samples that counts rest on


def takes_text(look: Look) -> bool:
    """Whether samples are texts."""
    return any("text" in traits(look.case.samples[place].payload).kinds for place in look.places)


def tokens_before(look: Look, step: int) -> Counter[str]:
    """How often each token goes into a step, over many samples; empty where no tokens do."""
    found: Counter[str] = Counter()
    head = look.setup.with_calls("preprocess", look.calls[:step])
    for place in range(min(_TEXTS, len(look.case.samples))):
        value = look.outcome(head, place)
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            found.update(value)
    return found


def id_input(contract: Contract) -> str:
    """Name of the input that takes ids: the first of whole numbers; empty where there is none."""
    return next((spec.name for spec in contract.inputs if spec.dtype in ("int32", "int64")), "")


def characters(look: Look) -> Counter[str]:
    """How often each character stands in the samples' texts, in small letters."""
    found: Counter[str] = Counter()
    for sample in look.case.samples[:_TEXTS]:
        if isinstance(sample.payload, str):
            found.update(sample.payload.lower())
    return found


def id_pairs(look: Look) -> list[tuple[Array, Array, list[str] | None]]:
    """Fed ids, right ids and the tokens they come from, of equal lengths; None where one step makes both.

    Filling is left out where it can be told from tokens: it obeys another rule than they do.
    """
    name, feeds = id_input(look.setup.contract), look.case.reference.feeds
    if not name or feeds is None:
        return []
    lookups = look.setup.places("preprocess", "lookup")
    head = look.setup.with_calls("preprocess", look.calls[: lookups[0]]) if lookups else None
    found: list[tuple[Array, Array, list[str] | None]] = []
    for place in range(min(_TEXTS, len(feeds))):
        right = (feeds[place] or {}).get(name)
        fed = (look.feed(look.setup, place) or {}).get(name)
        if right is None or fed is None or right.shape != fed.shape:
            continue
        tokens = look.outcome(head, place) if head is not None else None
        if isinstance(tokens, list):
            part = _of_tokens(look, fed.reshape(-1), tokens)
            found.append((fed.reshape(-1)[part], right.reshape(-1)[part], tokens[: part.stop - part.start]))
        else:
            found.append((fed.reshape(-1), right.reshape(-1), None))
    return found


def _of_tokens(look: Look, fed: Array, tokens: list[str]) -> slice:
    """Where the ids of tokens stand among those that were fed: at the beginning, or behind the filling."""
    ids = {word: place for place, word in enumerate(look.setup.contract.vocabulary)}
    count = min(len(tokens), len(fed))
    heads = [slice(0, count), slice(len(fed) - count, len(fed))]
    return max(
        heads,
        key=lambda part: sum(
            ids.get(token) == each for token, each in zip(tokens, fed[part].tolist(), strict=False)
        ),
    )


def right_lengths(look: Look) -> list[int]:
    """How many ids the training side fed for each sample it tells."""
    name, feeds = id_input(look.setup.contract), look.case.reference.feeds or ()
    return [int(each[name].shape[-1]) for each in feeds if each and name in each and each[name].ndim]


def specials(words: Sequence[str]) -> int:
    """How many tokens such as `[PAD]` and `<unk>` a vocabulary begins with."""
    special = [len(each) > 2 and each[0] + each[-1] in ("[]", "<>") for each in words]
    return special.index(False) if False in special else 0


def unknown_token(look: Look) -> str | None:
    """What a token outside the vocabulary becomes."""
    for place in look.setup.places("preprocess", *READERS):
        if look.calls[place].name == "tokenize_bert":
            return "[UNK]"
        token = option(look.setup, place, "unknown")
        return str(token) if token is not None else None
    return None


def is_filled(look: Look, place: int) -> bool:
    """Whether a step fills texts up to a length."""
    return bool(option(look.setup, place, "pad"))


def id_arrays(look: Look) -> list[Array]:
    """What the input of ids is fed for the probes."""
    name = id_input(look.setup.contract)
    return [np.asarray(feed[name]) for feed in look.feeds.values() if name in feed]


def with_option(look: Look, name: str) -> list[tuple[int, Any]]:
    """Places of the text steps that have an option, and its value."""
    return [
        (place, option(look.setup, place, name))
        for place in steps_with(look.setup, name)
        if look.calls[place].name in (*TOKENIZERS, "lookup")
    ]
