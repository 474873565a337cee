"""The check of feeds where it is done thousands of times a second: what plainly fits passes at once.

Whatever does not fit plainly goes to `checked`, which decides and finds the words: the two cannot disagree.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.contract.sample import Array
from seatrial.contract.tensor import TensorSpec
from seatrial.model.artifact import Artifact
from seatrial.runtimes._feeds import checked, length_input
from seatrial.runtimes._lots import Lot, Portion

_FEW = 4096  # numbers; of more, the library behind `vdot` may want threads


class Checked(dict[str, Array]):
    """Feeds that passed, in the graph's order.

    Attributes:
        specs: What they passed.
        rows: Length of the batch axis; 1 when no input has one.
        shape: What they can be batched with: equal names, types and shapes but for the batch axis.
    """

    __slots__ = ("rows", "shape", "specs")

    specs: tuple[TensorSpec, ...]
    rows: int
    shape: tuple[Any, ...]


class _Plan:
    """What one input must be, as the hot path wants to know it."""

    __slots__ = (
        "batch",
        "dtype",
        "fixed",
        "highest",
        "judged",
        "lowest",
        "name",
        "named",
        "ndim",
        "tail",
        "unbounded",
    )

    def __init__(self, spec: TensorSpec) -> None:
        self.name, self.ndim = spec.name, len(spec.shape)
        self.dtype = np.dtype(spec.dtype)
        self.batch = spec.batch_is_free
        self.fixed = tuple((axis, size) for axis, size in enumerate(spec.shape) if isinstance(size, int))
        self.named = tuple((axis, name) for axis, name in enumerate(spec.shape) if isinstance(name, str))
        # Minus infinity may be meant (attention masks), plus infinity only where the contract says so.
        self.lowest = -np.inf if spec.low is None else spec.low
        self.highest = sys.float_info.max if spec.high is None else spec.high
        bounded = spec.low is not None or spec.high is not None
        self.judged = self.dtype.kind == "f" or (bounded and self.dtype.kind in "biu")
        self.unbounded = not bounded and self.dtype.char in "fd"
        fixed = len(self.fixed) == len(spec.shape) - self.batch
        self.tail = (spec.name, self.dtype.char, tuple(spec.shape[1:])) if fixed else None

    def fits(self, array: Any, names: dict[str, int]) -> bool:
        """Whether an array plainly is what is wanted."""
        if type(array) is not np.ndarray:
            return False
        return self.formed(array.dtype, array.shape, names) and self.valued(array)

    def formed(self, dtype: np.dtype[Any], shape: tuple[int, ...], names: dict[str, int]) -> bool:
        """Whether type and shape are plainly what is wanted."""
        if dtype != self.dtype or len(shape) != self.ndim or 0 in shape:
            return False
        for axis, size in self.fixed:
            if shape[axis] != size:
                return False
        return all(names.setdefault(name, shape[axis]) == shape[axis] for axis, name in self.named)

    def valued(self, array: Array) -> bool:
        """Whether the values plainly are what is wanted."""
        if not self.judged:
            return True
        if self.unbounded and array.size <= _FEW:
            # The sum of squares is finite only if all of them are; one that is not is looked at closely.
            total = np.vdot(array, array).item()
            if total - total == 0:
                return True
        smallest = np.minimum.reduce(array, axis=None).item()  # NaN as soon as one value is
        if not smallest >= self.lowest:
            return False
        return bool(np.maximum.reduce(array, axis=None).item() <= self.highest)


class FeedCheck:
    """Checks feeds against specs.

    Args:
        specs: Inputs of the graph.
        artifact: Whose inputs they are; None: there is nobody to ask about what does not plainly fit.
    """

    def __init__(self, specs: Sequence[TensorSpec], artifact: Artifact | None = None) -> None:
        self.specs = tuple(specs)
        self._artifact = artifact
        plain = all(each.dtype in np.sctypeDict for each in self.specs)
        # Lengths beside sequences are a matter for the thorough check.
        self.plain = plain and (artifact is None or not length_input(artifact))
        self._plans = [_Plan(each) for each in self.specs] if self.plain else []
        tails = tuple(each.tail for each in self._plans)
        self._shape = None if None in tails else tails
        self._first = next((each.name for each in self.specs if each.batch_is_free), None)

    def quick(self, feeds: Mapping[str, Array]) -> Checked | None:
        """The feeds, when they plainly fit; None says nothing."""
        if not self.plain or len(feeds) != len(self._plans):
            return None
        passed, rows = Checked(), 0
        names: dict[str, int] = {}
        for plan in self._plans:
            array = feeds.get(plan.name)
            if array is None or not plan.fits(array, names):
                return None
            if plan.batch:
                if rows and rows != array.shape[0]:
                    return None
                rows = array.shape[0]
            passed[plan.name] = array
        passed.specs, passed.rows = self.specs, rows or 1
        passed.shape = shape_of(passed) if self._shape is None else self._shape
        return passed

    def formed(self, forms: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]) -> int:
        """How many rows there are in tensors of these types and shapes.

        0: they do not plainly fit, or rows of several requests cannot stand one behind the other.
        """
        if not self.plain or len(forms) != len(self._plans):
            return 0
        names: dict[str, int] = {}
        rows = {forms[each.name][1][:1] for each in self._plans if each.name in forms}
        for plan in self._plans:
            if plan.name not in forms or not plan.batch or not plan.formed(*forms[plan.name], names):
                return 0
        return rows.pop()[0] if len(rows) == 1 else 0

    def lot(self, feeds: dict[str, Array], rows: int) -> Lot | None:
        """Requests of one form, when the values of all of them plainly fit.

        Args:
            feeds: In the graph's order, the requests' rows one behind the other; as `formed` wants them.
            rows: Of each.
        """
        for plan in self._plans:
            if not plan.valued(feeds[plan.name]):
                return None
        return self.vouched_lot(feeds, rows)

    def vouched_lot(self, feeds: dict[str, Array], rows: int) -> Lot:
        """Likewise, where another process of ours looked at the values."""
        return Lot(feeds, self.specs, rows, shape_of(feeds) if self._shape is None else self._shape)

    def vouched(self, feeds: Mapping[str, Array]) -> Checked:
        """Feeds in the graph's order that passed these very specs already, in another process of ours."""
        passed = Checked(feeds)
        passed.specs = self.specs
        passed.rows = passed[self._first].shape[0] if self._first is not None else 1
        passed.shape = shape_of(passed) if self._shape is None else self._shape
        return passed

    def __call__(self, feeds: Mapping[str, Array]) -> Checked | Portion:
        """The feeds in the graph's order.

        Raises:
            ContractViolation: As `checked`.
        """
        if type(feeds) is Checked and (feeds.specs is self.specs or feeds.specs == self.specs):
            return feeds
        if type(feeds) is Portion and self.passed(feeds.lot):
            return feeds
        found = self.quick(feeds)
        if found is not None:
            return found
        if self._artifact is None:
            raise TypeError("a check without an artifact only looks")
        passed = Checked(checked(self._artifact, feeds))
        passed.specs, passed.shape = self.specs, shape_of(passed)
        passed.rows = passed[self._first].shape[0] if self._first is not None else 1
        return passed

    def passed(self, lot: Lot) -> bool:
        """Whether the requests of a lot passed these very specs."""
        if lot.specs is not self.specs:
            if lot.specs != self.specs:
                return False
            lot.specs = self.specs  # the next of the lot need not be compared
        return True


def shape_of(feeds: Mapping[str, Array]) -> tuple[Any, ...]:
    """What a request can be batched with: equal names, types and shapes but for the batch axis."""
    return tuple((name, each.dtype.char, each.shape[1:]) for name, each in feeds.items())
