"""The written agreement about a model: what goes in, what comes out, and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.contract.pipeline import Context, Pipeline
from seatrial.contract.sample import Payload
from seatrial.contract.tensor import TensorSpec

VERSION = "seatrial/contract/1"

TASKS = (
    "classification",  # answer: {"class": str, "index": int, "confidence": float, ...}
    "text-classification",  # same answer, from text
    "text-recognition",  # answer: {"text": str, "confidence": float}
    "text-detection",  # answer: {"boxes": [[[x, y] x4], ...], "scores": [...]}
    "detection",  # answer: {"boxes": [[x0, y0, x1, y1], ...], "scores": [...], "classes": [...]}
    "segmentation",  # answer: {"mask": [[int]]}
    "regression",  # answer: {"value": float}
    "tensor",  # no postprocessing known: the raw outputs
)


@dataclass(frozen=True)
class Contract:
    """What goes in and out of one model, readable by people, the same for checks, server and SDKs.

    Attributes:
        name: Of the model.
        task: One of `TASKS`; chooses the metrics and what an answer looks like.
        inputs: Specs by the graph's order.
        outputs: Specs by the graph's order; bound by index.
        preprocess: Sample -> feed. Its last value is one array (single-input models; no batch axis) or a
            mapping from input name to array (no batch axis).
        postprocess: List of this sample's output arrays (no batch axis; a single output comes bare)
            -> answer (JSON-able).
        labels: Names by class index, or the OCR dictionary by index.
        vocabulary: Tokens by id, for text models.
        fingerprints: `sha256:...` of `labels`, `vocabulary`; a mismatch is refused on load.
        output_schema: JSON Schema that every answer obeys.
        limits: Bounds that override the profile's, such as `{"accuracy.minimum": 0.97}`.
        source: Where it was read from, for people; not part of the digest.
        root: Folder that relative names in it start from; not part of the digest.
    """

    name: str
    task: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    preprocess: Pipeline = Pipeline()
    postprocess: Pipeline = Pipeline()
    labels: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    output_schema: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    root: Path = field(default_factory=Path)

    def context(self) -> Context:
        """A fresh context for one sample."""
        return Context(labels=self.labels, vocabulary=self.vocabulary, root=self.root)

    def prepare(self, payload: Payload) -> tuple[dict[str, Any], Context]:
        """One payload -> arrays by input name with a batch axis of 1, checked against `inputs`.

        Raises:
            ContractViolation: The payload cannot be read, or the arrays break the specs.
        """
        raise NotImplementedError

    def answer(self, outputs: Sequence[Any], row: int, context: Context) -> Any:
        """Row `row` of the outputs (batch axis included) -> the answer.

        Raises:
            ContractViolation: The answer breaks `output_schema`, or a step refused it.
        """
        raise NotImplementedError

    def digest(self) -> str:
        """`sha256:...` over everything that changes answers (`source`, `root` and `limits` do not)."""
        raise NotImplementedError

    def preprocess_digest(self) -> str:
        """`sha256:...` over the two pipelines, labels and vocabulary."""
        raise NotImplementedError
