"""The values that stages hand over: found by reference, joined, and with holes where items were dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.errors import ContractViolation
from seatrial.serve.flow.declaration import Reference, Stage


class Hole:
    """Stands where an item was that failed and was dropped."""

    def __repr__(self) -> str:
        return "a dropped item"


HOLE = Hole()


def found(values: Mapping[str, Any], reference: Reference) -> Any:
    """The value that a reference leads to.

    Raises:
        ContractViolation: A field of it is not there.
    """
    value = values[reference.stage]
    for name in reference.path:
        value = _field(value, name, reference)
    return value


def _field(value: Any, name: str, reference: Reference) -> Any:
    if value is HOLE:
        return HOLE
    if isinstance(value, list):
        return [_field(each, name, reference) for each in value]
    if not isinstance(value, Mapping) or name not in value:
        raise ContractViolation(f"'{reference}' is not there: the answer has no '{name}'")
    return value[name]


def joined(stage: Stage, taken: Mapping[str, Any]) -> Any:
    """What a joint makes of values; dropped items are kept from it.

    Args:
        stage: Of the joint.
        taken: Values by name; lists may have holes.
    """
    joint = stage.joint
    assert joint is not None  # noqa: S101 - callers have looked
    if any(each is HOLE for each in taken.values()):
        return HOLE
    lists = {name: each for name, each in taken.items() if isinstance(each, list)}
    holes = {place for each in lists.values() for place, item in enumerate(each) if item is HOLE}
    if not holes:
        return joint.function(**taken, **stage.options)
    lengths = {len(each) for each in lists.values()}
    if len(lengths) > 1:
        raise ContractViolation(f"the lists are of different lengths: {sorted(lengths)}")
    (length,) = lengths
    kept = [place for place in range(length) if place not in holes]
    left = {**taken, **{name: [each[place] for place in kept] for name, each in lists.items()}}
    result = joint.function(**left, **stage.options)
    if not joint.one_for_one:
        return result
    whole: list[Any] = [HOLE] * length
    for place, each in zip(kept, result, strict=True):
        whole[place] = each
    return whole


def without_holes(value: Any) -> Any:
    """The value as the client sees it: null where an item was dropped."""
    if value is HOLE:
        return None
    if isinstance(value, list):
        return [without_holes(each) for each in value]
    if isinstance(value, dict):
        return {key: without_holes(each) for key, each in value.items()}
    return value
