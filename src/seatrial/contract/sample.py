"""One thing to infer on, and a set of them that was held out from training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

# What a pipeline starts from: a file, raw bytes, text, one array, or arrays by input name.
Payload = Path | bytes | str | Array | Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Sample:
    """One input as people have it, before the contract's preprocessing.

    Attributes:
        key: Stable name for reports: file name, line number or row index.
        payload: What the pipeline starts from.
        label: The truth: class index or name, text, number, boxes, mask; None when unlabelled.
        slices: Named groups it belongs to, such as `{"font": "serif"}`; accuracy is judged in each.
    """

    key: str
    payload: Payload
    label: Any = None
    slices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HeldOut:
    """Samples the model was not trained on, in a fixed order.

    Attributes:
        samples: In file order.
        digest: `sha256:...` of every payload and label, independent of where the files lie.
        source: Where it was read from, for people.
        members: Samples the model *was* trained on, when given (membership inference, leak check).
    """

    samples: tuple[Sample, ...]
    digest: str
    source: str
    members: tuple[Sample, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @property
    def labels(self) -> Sequence[Any]:
        """The labels, in the order of the samples."""
        return [sample.label for sample in self.samples]
