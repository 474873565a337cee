"""Hostile tensors from the contract's specs, and random mixtures of them that shrink (`M07`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.checks._robustness.hostile import Case, Outcome, Target, copied
from seatrial.contract import Contract, TensorSpec
from seatrial.contract.sample import Array

Make = Callable[[], Any]


def tensor_cases(contract: Contract, feeds: Mapping[str, Array]) -> list[Case]:
    """Hostile relatives of a good feed, straight at the model's inputs."""
    cases = []
    for spec in contract.inputs:
        for label, make, refuse in array_cases(feeds[spec.name], spec, batched=True):
            cases.append(
                Case(
                    f"{label}:{spec.name}",
                    "tensor",
                    lambda make=make, spec=spec: copied(feeds, spec.name, make()),  # type: ignore[misc]
                    must_refuse=refuse,
                )
            )
    first = contract.inputs[0].name
    others = {name: array for name, array in feeds.items() if name != first}
    cases.append(Case("missing-input", "tensor", lambda: others, must_refuse=True))
    cases.append(
        Case(
            "unknown-input", "tensor", lambda: copied(feeds, "no_such_input", feeds[first]), must_refuse=True
        )
    )
    return cases


def array_cases(array: Array, spec: TensorSpec, *, batched: bool) -> list[tuple[str, Make, bool]]:
    """Name, maker and whether it must be refused, for one array with or without its batch axis."""
    fixed = spec.shape if batched else spec.shape[1:]
    cases: list[tuple[str, Make, bool]] = [
        ("wrong-rank", lambda: array[..., None], True),
        ("no-axes", lambda: np.zeros((), array.dtype), bool(fixed)),
        ("complex-numbers", lambda: array.astype("complex64"), True),
        ("strided", lambda: _strided(array), False),
        ("all-zero", lambda: np.zeros_like(array), False),
    ]
    if batched and array.ndim:
        cases.append(("empty-batch", lambda: array[:0], True))
        wrong = np.float64 if array.dtype != np.float64 else np.float32
        cases.append(("wrong-dtype", lambda: array.astype(wrong), True))
    for axis, size in enumerate(array.shape):
        if axis < len(fixed) and isinstance(fixed[axis], int):
            cases.append((f"axis-{axis}-too-long", lambda axis=axis: _longer(array, axis), True))  # type: ignore[misc]
        if size and (axis or not batched):
            cases.append((f"axis-{axis}-empty", lambda axis=axis: np.take(array, [], axis), True))  # type: ignore[misc]
    return cases + (_floats(array, spec) if array.dtype.kind == "f" else _integers(array, spec))


def _floats(array: Array, spec: TensorSpec) -> list[tuple[str, Make, bool]]:
    def one(value: float) -> Make:
        def make() -> Array:
            spoiled = array.copy()
            spoiled.flat[spoiled.size // 2] = value
            return spoiled

        return make

    huge = float(np.finfo(array.dtype).max) * 0.9
    bounded = spec.high is not None
    return [
        ("one-nan", one(np.nan), True),
        ("all-nan", lambda: np.full_like(array, np.nan), True),
        ("infinity", one(np.inf), True),
        ("minus-infinity", one(-np.inf), spec.low is not None),
        ("huge", one(huge), bounded),
        ("all-huge", lambda: np.full_like(array, huge), bounded),
        ("denormal", lambda: np.full_like(array, np.finfo(array.dtype).tiny / 8), False),
    ]


def _integers(array: Array, spec: TensorSpec) -> list[tuple[str, Make, bool]]:
    if array.dtype.kind not in "iu":
        return []
    info = np.iinfo(array.dtype)
    cases: list[tuple[str, Make, bool]] = [
        ("largest-integer", lambda: np.full_like(array, info.max), spec.high is not None),
        ("a-billion", lambda: np.full_like(array, min(10**9, info.max)), spec.high is not None),
    ]
    if array.dtype.kind == "i":
        cases.append(("minus-one", lambda: np.full_like(array, -1), spec.low is not None))
    if spec.high is not None and spec.high < info.max:
        cases.append(("one-too-high", lambda: np.full_like(array, int(spec.high or 0) + 1), True))
    return cases


def _strided(array: Array) -> Array:
    """Equal values that do not lie side by side in memory."""
    if not array.ndim:
        return array
    wide = np.repeat(array, 2, axis=-1)
    view: Array = wide[..., ::2]
    return view


def _longer(array: Array, axis: int) -> Array:
    return np.concatenate([array, np.take(array, [0], axis)], axis=axis)


def fuzz(
    feeds: Mapping[str, Array], target: Target, *, seed: int, rounds: int
) -> list[tuple[tuple[str, ...], Outcome]]:
    """Random values at the tensor level, several spoilings at once; failures come back shrunk.

    Args:
        feeds: A good feed to spoil.
        target: The model.
        seed: Of the choices.
        rounds: Mixtures to try.

    Returns:
        Failures: the fewest spoilings that still fail, and the outcome.
    """
    random = np.random.default_rng(seed)
    names = sorted(SPOILINGS)
    failures = []
    for number in range(rounds):
        chosen = [str(each) for each in random.choice(names, int(random.integers(1, 4)), replace=False)]
        outcome = _try(chosen, feeds, target, seed + number)
        if fatal(outcome):
            smallest = _shrunk(chosen, feeds, target, seed + number)
            failures.append((tuple(smallest), _try(smallest, feeds, target, seed + number)))
    return failures


def fatal(outcome: Outcome) -> bool:
    """Whether the model, or what asks it, did not survive."""
    return outcome.ending in ("crashed", "hung", "broke", "nonsense")


def _shrunk(chosen: list[str], feeds: Mapping[str, Array], target: Target, seed: int) -> list[str]:
    """Leaves out spoilings one at a time while the failure stays."""
    for each in list(chosen):
        rest = [other for other in chosen if other != each]
        if rest and fatal(_try(rest, feeds, target, seed)):
            chosen = rest
    return chosen


def _try(chosen: Sequence[str], feeds: Mapping[str, Array], target: Target, seed: int) -> Outcome:
    random = np.random.default_rng(seed)
    with np.errstate(all="ignore"):  # spoiled numbers overflow on their way here; that is the point
        return _spoil_and_ask(chosen, feeds, target, random)


def _spoil_and_ask(
    chosen: Sequence[str], feeds: Mapping[str, Array], target: Target, random: np.random.Generator
) -> Outcome:
    spoiled: dict[str, Any] = {name: array.copy() for name, array in feeds.items()}
    for each in chosen:
        name = sorted(spoiled)[int(random.integers(len(spoiled)))]
        spoiled[name] = SPOILINGS[each](spoiled[name], random)
    return target.ask(Case("+".join(chosen), "tensor", lambda: spoiled))


def _scatter(array: Array, random: np.random.Generator, value: Any) -> Array:
    if array.size:
        array = array.copy()
        array.flat[int(random.integers(array.size))] = value
    return array


SPOILINGS: Mapping[str, Callable[[Array, np.random.Generator], Array]] = {
    "drop-axis": lambda array, _: array[0] if array.ndim and len(array) else array,
    "repeat-batch": lambda array, random: (
        np.repeat(array, int(random.integers(2, 5)), axis=0) if array.ndim else array
    ),
    "empty-batch": lambda array, _: array[:0] if array.ndim else array,
    "reverse": lambda array, _: array[..., ::-1] if array.ndim else array,
    "fortran-order": lambda array, _: np.asfortranarray(array),
    "big-endian": lambda array, _: array.astype(array.dtype.newbyteorder(">")),
    "to-float64": lambda array, _: array.astype("float64"),
    "to-uint8": lambda array, _: np.nan_to_num(array.real).clip(0, 255).astype("uint8"),
    "negative-zero": lambda array, _: np.full_like(array, -0.0) if array.dtype.kind == "f" else array,
    "one-nan": lambda array, random: _scatter(array, random, np.nan) if array.dtype.kind == "f" else array,
    "one-infinity": lambda array, random: (
        _scatter(array, random, np.inf) if array.dtype.kind == "f" else array
    ),
    "amplify": lambda array, _: np.nan_to_num(array) * 1e30 if array.dtype.kind == "f" else array,
    "shrink": lambda array, _: np.nan_to_num(array) * 1e-40 if array.dtype.kind == "f" else array,
}
