"""Which part of an input an answer rests on: Integrated Gradients, or occlusion (`M09`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.contract import Contract, TensorSpec
from seatrial.contract.feeds import join
from seatrial.contract.sample import Array
from seatrial.runtimes import Session

Weights = NDArray[np.float64]
Feed = Mapping[str, Array]

_MAX_ROWS, _MAX_BYTES = 32, 1 << 20
_STEPS = 64


@dataclass(frozen=True)
class Cells:
    """An input cut into parts that are judged one by one.

    Attributes:
        name: Of the input.
        kind: `picture` (height x width), `tokens` or `features`.
        grid: Rows and columns of cells; one row for tokens and features.
        index: For each place of the picture, token or feature the number of its cell.
        channels_last: Layout of a picture.
    """

    name: str
    kind: str
    grid: tuple[int, int]
    index: NDArray[np.int64]
    channels_last: bool = False

    @property
    def count(self) -> int:
        """Number of cells."""
        return self.grid[0] * self.grid[1]

    def spread(self, mask: NDArray[np.bool_], ndim: int) -> NDArray[np.bool_]:
        """Which values of the input the chosen cells cover, broadcastable to it; `mask` is `[cells]`."""
        places: NDArray[np.bool_] = mask[self.index]
        if self.kind == "picture":
            return places[None, :, :, None] if self.channels_last else places[None, None]
        return places.reshape(1, -1, *[1] * (ndim - 2))

    def gather(self, weights: Weights) -> Weights:
        """Sums weights by place `[height, width]` or `[places]` into cells."""
        summed: Weights = np.bincount(
            self.index.ravel(), weights=weights.ravel(), minlength=self.count
        ).astype(float)
        return summed


def cut(contract: Contract, feed: Feed, *, most: int = 64) -> Cells | None:
    """Cuts the input that carries the content into about `most` parts; None when there is none to cut."""
    for spec in contract.inputs:
        array = feed[spec.name]
        if array.ndim == 4 and array.dtype.kind in "fu":
            return _picture_cells(spec, array, most)
    for spec in contract.inputs:
        array = feed[spec.name]
        if array.ndim == 2 and array.dtype.kind in "iu" and array.shape[1] > 1:
            return Cells(spec.name, "tokens", (1, array.shape[1]), np.arange(array.shape[1]))
    for spec in contract.inputs:
        array = feed[spec.name]
        if array.ndim >= 2 and array.dtype.kind == "f" and array.shape[1] > 1:
            count = min(array.shape[1], most)
            return Cells(
                spec.name, "features", (1, count), np.arange(array.shape[1]) * count // array.shape[1]
            )
    return None


def _picture_cells(spec: TensorSpec, array: Array, most: int) -> Cells:
    last = spec.layout == "NHWC" or (not spec.layout and array.shape[-1] in (1, 3) and array.shape[1] > 4)
    height, width = array.shape[1:3] if last else array.shape[2:4]
    side = max(1.0, float(np.sqrt(height * width / most)))
    rows = max(1, min(height, most, round(height / side)))
    columns = max(1, min(width, max(1, most // rows), round(width / side)))
    down = np.arange(height) * rows // height
    across = np.arange(width) * columns // width
    return Cells(
        spec.name, "picture", (rows, columns), down[:, None] * columns + across[None], channels_last=last
    )


def background(cells: Cells, array: Array, vocabulary: Sequence[str]) -> Array:
    """The same input with nothing in it: paper for pictures, the mask or unknown token for texts, zeros."""
    if cells.kind == "tokens":
        names = [name for name in ("[MASK]", "[UNK]", "<unk>", "UNK", "[PAD]", "<pad>") if name in vocabulary]
        return np.full_like(array, vocabulary.index(names[0]) if names else 0)
    if cells.kind == "features":
        return np.zeros_like(array)
    axes = (1, 2) if cells.channels_last else (2, 3)
    planes = np.moveaxis(array, axes, (2, 3))
    edge = np.concatenate(
        [planes[:, :, 0], planes[:, :, -1], planes[:, :, :, 0], planes[:, :, :, -1]], axis=2
    )
    paper = np.median(edge, axis=2)[..., None, None] * np.ones_like(planes)
    return np.ascontiguousarray(np.moveaxis(paper, (2, 3), axes)).astype(array.dtype)


@dataclass(frozen=True)
class Target:
    """The figure of an answer that is explained.

    Attributes:
        read: From the outputs of `n` rows to `n` figures.
        what: For people.
        flat: Place of the figure in a row of the first output, or None when it is a sum of several.
    """

    read: Callable[[Sequence[Array]], Weights]
    what: str
    flat: int | None


@dataclass(frozen=True)
class Question:
    """One answer to explain.

    Attributes:
        feed: Its input, batch axis of 1.
        cells: How the input is cut.
        empty: The input with nothing in it.
        target: The figure that is explained.
    """

    feed: Feed
    cells: Cells
    empty: Array
    target: Target

    def without(self, gone: NDArray[np.bool_]) -> dict[str, Array]:
        """The feed with the chosen cells emptied."""
        name, array = self.cells.name, self.feed[self.cells.name]
        emptied = np.where(self.cells.spread(gone, array.ndim), self.empty, array)
        return {**self.feed, name: emptied.astype(array.dtype)}


def target_of(contract: Contract, outputs: Sequence[Array]) -> Target:
    """What to explain, fixed by the answer to the untouched input.

    Classes: the score of the class answered. CTC text: the sum of the scores of the characters read.
    Maps: the mean score where the map is on.
    """
    first = np.asarray(outputs[0], "float64")[0]
    if first.ndim == 1:
        place = int(first.argmax())
        return Target(lambda got: np.asarray(got[0], "float64")[:, place], "score of the answer", place)
    if contract.task == "text-recognition" and first.ndim == 2:
        best = first.argmax(axis=1)
        read = np.flatnonzero(best != 0) if (best != 0).any() else np.arange(len(best))
        return Target(
            lambda got: np.asarray(got[0], "float64")[:, read, best[read]].mean(axis=1),
            "mean score of the characters read",
            None,
        )
    on = first > max(0.3, float(first.mean()))
    mask = on if on.any() and not on.all() else np.ones(first.shape, bool)
    return Target(
        lambda got: np.asarray(got[0], "float64")[:, mask].mean(axis=1),
        "mean score of the regions found",
        None,
    )


def ask_rows(session: Session, contract: Contract, feeds: Sequence[Feed], target: Target) -> Weights:
    """The figure for each feed; together in small batches where samples may travel together."""
    if not feeds:
        return np.zeros(0)
    size = sum(each.nbytes for each in feeds[0].values())
    rows = max(1, min(_MAX_ROWS, _MAX_BYTES // max(size, 1))) if contract.batches_freely else 1
    found = [
        target.read(session.run(join(feeds[start : start + rows]))) for start in range(0, len(feeds), rows)
    ]
    return np.concatenate(found)


def occlusion(session: Session, contract: Contract, asked: Question) -> Weights:
    """How far the figure falls when one cell is emptied, for each cell (Zeiler and Fergus 2014)."""
    masks = np.eye(asked.cells.count, dtype=bool)
    feeds = [asked.feed, *(asked.without(mask) for mask in masks)]
    got = ask_rows(session, contract, feeds, asked.target)
    weights: Weights = got[0] - got[1:]
    return weights


def random_masks(
    session: Session, contract: Contract, asked: Question, *, random: np.random.Generator
) -> Weights:
    """How much a cell adds where half of the others are gone (RISE, Petsiuk et al. 2018).

    For answers so sure that no single cell changes them.
    """
    gone = random.random((2 * asked.cells.count, asked.cells.count)) < 0.5
    gone = np.concatenate([gone, ~gone])  # in pairs, so that every cell is seen both ways
    got = ask_rows(session, contract, [asked.without(mask) for mask in gone], asked.target)
    kept = ~gone
    weights: Weights = (kept * got[:, None]).sum(axis=0) / np.maximum(kept.sum(axis=0), 1)
    weights -= (gone * got[:, None]).sum(axis=0) / np.maximum(gone.sum(axis=0), 1)
    return weights


@dataclass(frozen=True)
class Integrated:
    """Integrated Gradients of several inputs (Sundararajan et al. 2017).

    Attributes:
        weights: By input, by place: `[height, width]` or `[places]`, summed over channels.
        residual: By input: how far the weights' sum is from the change of the figure they must explain.
        change: By input: that change.
    """

    weights: tuple[Weights, ...]
    residual: Weights
    change: Weights


def integrated_gradients(session: Session, asked: Sequence[Question], *, steps: int = _STEPS) -> Integrated:
    """Gradients along the straight way from the empty input to the input, summed (midpoint rule).

    Args:
        session: One that gives gradients.
        asked: Answers whose figure is one place of the first output.
        steps: Points on the way.

    Raises:
        UsageError: This runtime or graph gives no gradients.
    """
    shares = (np.arange(steps) + 0.5) / steps
    weights, change = [], []
    for each in asked:
        name, place, array = each.cells.name, each.target.flat or 0, each.feed[each.cells.name]
        shape = [steps, *[1] * (array.ndim - 1)]
        way = (each.empty + shares.reshape(shape) * (array - each.empty)).astype(array.dtype)
        batch = {key: np.repeat(value, steps, axis=0) for key, value in each.feed.items()} | {name: way}
        gradient = session.gradients(batch, of=name, output=0, index=[place] * steps)
        product = gradient.astype("float64").mean(axis=0) * (array - each.empty)[0]
        is_picture = each.cells.kind == "picture"
        weights.append(product.sum(axis=-1 if each.cells.channels_last else 0) if is_picture else product)
        ends = [session.run(each.feed)[0], session.run({**each.feed, name: each.empty})[0]]
        change.append(float(ends[0].reshape(-1)[place]) - float(ends[1].reshape(-1)[place]))
    residual = np.abs(np.array([float(each.sum()) for each in weights]) - np.array(change))
    return Integrated(tuple(weights), residual, np.array(change))


def as_map(cells: Cells, weights: Any) -> Weights:
    """Cell weights in their grid."""
    return np.asarray(weights, "float64").reshape(cells.grid)
