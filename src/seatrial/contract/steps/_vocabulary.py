"""The contract's vocabulary as a look-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from seatrial.errors import ContractViolation


def ids_of(vocabulary: Sequence[str]) -> Mapping[str, int]:
    """Ids by token; where a token stands twice, the last counts, as in BERT's own loader.

    Raises:
        ContractViolation: The contract has no vocabulary.
    """
    if not vocabulary:
        raise ContractViolation(
            "the contract has no vocabulary", hint="add: vocabulary: {file: vocab.txt, sha256: ...}"
        )
    return _ids(tuple(vocabulary))


@lru_cache(maxsize=8)
def _ids(vocabulary: tuple[str, ...]) -> Mapping[str, int]:
    return {token: place for place, token in enumerate(vocabulary)}


def id_of(ids: Mapping[str, int], token: str) -> int:
    """The id of a token that must be there, such as `[PAD]`.

    Raises:
        ContractViolation: It is not in the vocabulary.
    """
    if token not in ids:
        raise ContractViolation(
            f"the vocabulary has no '{token}'", hint="is this the vocabulary of the model?"
        )
    return ids[token]
