"""Makes the batches a conversion is judged on: real samples, and what can be derived from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from seatrial.contract.feeds import collate, join
from seatrial.contract.sample import Array
from seatrial.contract.tensor import TensorSpec
from seatrial.errors import ContractViolation
from seatrial.model.artifact import Artifact
from seatrial.runtimes import length_input

Feeds = Mapping[str, Array]
_LARGEST_BATCH = 8
_LARGEST_BYTES = 512 << 10  # of a batch of several: unoptimised engines take long over large ones
_MOST_GROUPS = 6
_STEPS = 12
_SIDE = 64
_STRIDE = 32  # what convolutional backbones halve five times


def batches(
    artifact: Artifact, samples: Sequence[Feeds], *, seed: int
) -> Iterator[tuple[str, dict[str, Array], bool]]:
    """Batches with what they are, and whether they are real: the source must take those.

    Args:
        artifact: The source.
        samples: Feeds with a batch axis of 1; may be empty.
        seed: For what is made up.
    """
    rng = np.random.default_rng(seed)
    real = [dict(each) for each in samples]
    free = all(each.batch_is_free for each in artifact.inputs)
    if real:
        yield from _real(real, free=free)
    base = real[0] if real else invented(artifact, rng)
    if not real:
        yield "1 made-up sample", base, False
    if free:
        yield "a batch of 3", _rows(base, real, 3, rng), False
        base = _rows(base, real, 4, rng)
    yield from _lengths(artifact, base)
    yield from _sizes(artifact, base)


def _real(samples: list[dict[str, Array]], *, free: bool) -> Iterator[tuple[str, dict[str, Array], bool]]:
    yield "1 sample", samples[0], True
    if not free:
        for place, each in enumerate(samples[1:_MOST_GROUPS], start=2):
            yield f"sample {place}", each, True
        return
    size = sum(array.nbytes for array in samples[0].values())
    groups = collate(samples, limit=max(2, min(_LARGEST_BATCH, _LARGEST_BYTES // max(size, 1))))
    for batch in sorted(groups, key=lambda each: -len(each.order))[:_MOST_GROUPS]:
        count = len(batch.order)
        yield f"{count} sample{'s' * (count > 1)}", batch.feeds, True


def _rows(base: Feeds, real: Sequence[Feeds], count: int, rng: np.random.Generator) -> dict[str, Array]:
    """`count` rows: real samples of the first one's shape, or copies of it with other values."""
    alike = [each for each in real if all(each[name].shape == base[name].shape for name in base)]
    if len(alike) >= count:
        return join(alike[:count])
    # Other orders of the values that are there stay in range, whatever the range means.
    return {
        name: np.concatenate([array, *(_shuffled(array, rng) for _ in range(count - 1))])
        for name, array in base.items()
    }


def _shuffled(array: Array, rng: np.random.Generator) -> Array:
    flat = array.ravel()
    return flat[rng.permutation(flat.size)].reshape(array.shape)


def _lengths(artifact: Artifact, base: Feeds) -> Iterator[tuple[str, dict[str, Array], bool]]:
    """Rows of different lengths, and a shorter time axis: paddle2onnx drops the lengths of LSTM and GRU."""
    name = length_input(artifact)
    if not name:
        yield from _shorter(artifact, base)
        return
    steps = max(array.shape[1] for array in base.values() if array.ndim > 1)
    rows = base[name].shape[0]
    for longest in dict.fromkeys((steps, max(1, steps // 2))):
        lengths = np.linspace(1, longest, rows).round().astype(base[name].dtype)
        yield f"{rows} rows, lengths 1..{longest} of {steps}", {**base, name: lengths}, False
    cut = max(1, steps // 2)
    timed = {
        each: array[:, :cut] for each, array in base.items() if array.ndim > 1 and array.shape[1] == steps
    }
    if cut < steps and all(_free(artifact, each, 1) for each in timed):
        shorter = {**base, **timed, name: np.minimum(base[name], cut)}
        yield f"{rows} rows of {cut} steps", shorter, False


def _shorter(artifact: Artifact, base: Feeds) -> Iterator[tuple[str, dict[str, Array], bool]]:
    """Integer sequences (ids, masks) cut to half their steps, together."""
    timed = {
        each.name: base[each.name]
        for each in artifact.inputs
        if len(each.shape) == 2 and each.dtype in {"int32", "int64"} and _free(artifact, each.name, 1)
    }
    steps = {array.shape[1] for array in timed.values()}
    if len(steps) == 1 and (cut := steps.pop() // 2) > 0:
        cuts = {name: array[:, :cut] for name, array in timed.items()}
        yield f"sequences of {cut} steps", {**base, **cuts}, False


def _sizes(artifact: Artifact, base: Feeds) -> Iterator[tuple[str, dict[str, Array], bool]]:
    """Images of other heights and widths, where the graph leaves those free."""
    for spec in artifact.inputs:
        if len(spec.shape) != 4:
            continue
        for axis, word in ((2, "height"), (3, "width")):
            if not _free(artifact, spec.name, axis):
                continue
            image = base[spec.name]
            for size in (image.shape[axis] // 2 // _STRIDE * _STRIDE, image.shape[axis] + _STRIDE):
                if size > 0:
                    indices = np.arange(size) % image.shape[axis]
                    yield f"{word} {size}", {**base, spec.name: image.take(indices, axis)}, False


def _free(artifact: Artifact, name: str, axis: int) -> bool:
    spec = next(each for each in artifact.inputs if each.name == name)
    return len(spec.shape) > axis and not isinstance(spec.shape[axis], int)


def invented(artifact: Artifact, rng: np.random.Generator) -> dict[str, Array]:
    """One sample that obeys the specs.

    Raises:
        ContractViolation: An input is text, for which no value can be made up.
    """
    rows = [each.shape[0] for each in artifact.parameters if len(each.shape) == 2]
    ids = min(rows, default=2)
    lengths = length_input(artifact)
    made = {}
    for spec in artifact.inputs:
        shape = _shape(spec)
        if spec.dtype == "string":
            raise ContractViolation(f"no value can be made up for input '{spec.name}'", hint="give samples")
        if spec.name == lengths:
            made[spec.name] = np.full(shape, _STEPS, spec.dtype)
        elif spec.dtype.startswith("float"):
            low, high = (
                spec.low if spec.low is not None else -1.0,
                spec.high if spec.high is not None else 1.0,
            )
            made[spec.name] = rng.uniform(low, high, shape).astype(spec.dtype)
        else:
            low, high = (
                spec.low if spec.low is not None else 0,
                spec.high if spec.high is not None else ids - 1,
            )
            made[spec.name] = rng.integers(int(low), int(high) + 1, shape).astype(spec.dtype)
    return made


def _shape(spec: TensorSpec) -> tuple[int, ...]:
    free = _SIDE if len(spec.shape) == 4 else _STEPS
    return tuple(
        each if isinstance(each, int) else 1 if axis == 0 else free for axis, each in enumerate(spec.shape)
    )
