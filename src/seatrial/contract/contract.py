"""The written agreement about a model: what goes in, what comes out, and how it is judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from seatrial.contract.answer import SCHEMAS, plain, row_of
from seatrial.contract.deployment import Deployment
from seatrial.contract.feeds import check_feeds
from seatrial.contract.pipeline import Context, Pipeline
from seatrial.contract.sample import Payload
from seatrial.contract.tensor import TensorSpec
from seatrial.errors import ContractViolation

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
        fingerprints: `sha256:...` of `labels`, `vocabulary`; a mismatch is refused on load. Of `weights`,
            `graph` (the files) and `model` (the artifact's digest): a mismatch fails the structure check.
        output_schema: JSON Schema that every answer obeys.
        limits: Bounds that override the profile's, such as `{"accuracy.minimum": 0.97}`.
        deployment: How it is best run, as measured; None: nobody measured it.
        source: Where it was read from, for people; not part of the digest.
        root: Folder that relative names in it start from; not part of the digest.
        files: Where `labels` and `vocabulary` are kept when they are too long for the contract itself:
            file names relative to `root`, one entry a line, by `labels` or `vocabulary`.
    """

    name: str
    task: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    preprocess: Pipeline = field(default_factory=Pipeline)
    postprocess: Pipeline = field(default_factory=Pipeline)
    labels: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    output_schema: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    deployment: Deployment | None = None
    source: str = field(default="", compare=False)
    root: Path = field(default_factory=Path, compare=False)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def batches_freely(self) -> bool:
        """Whether several samples may travel in one call and be told apart afterwards.

        Detectors return all boxes of a batch in one list, so their samples travel alone.
        """
        return self.task != "detection" and all(each.batch_is_free for each in (*self.inputs, *self.outputs))

    def context(self, *, files: bool = True) -> Context:
        """A fresh context for one sample; `files` as in `Context`."""
        return Context(labels=self.labels, vocabulary=self.vocabulary, root=self.root, files=files)

    def prepare(self, payload: Payload, *, files: bool = True) -> tuple[dict[str, Any], Context]:
        """One payload -> arrays by input name with a batch axis of 1, checked against `inputs`.

        Args:
            payload: One sample's.
            files: Whether the payload may name a file to read; no, when a stranger sent it.

        Raises:
            ContractViolation: The payload cannot be read, or the arrays break the specs.
        """
        context = self.context(files=files)
        value = self.preprocess.run(payload, context)
        if not isinstance(value, Mapping):
            if len(self.inputs) != 1:
                raise ContractViolation(
                    f"the preprocessing gives one array and the model takes {len(self.inputs)} inputs",
                    hint="end it with the step 'feed', which says what goes into which input",
                )
            value = {self.inputs[0].name: value}
        for name, array in value.items():
            if not isinstance(array, np.ndarray):
                raise ContractViolation(
                    f"input '{name}' is still a {type(array).__name__} after the preprocessing, not an array"
                )
        feeds = {name: np.ascontiguousarray(array[None]) for name, array in value.items()}
        check_feeds(self.inputs, feeds)
        return feeds, context

    def answer(self, outputs: Sequence[Any], row: int, context: Context) -> Any:
        """Row `row` of the outputs (batch axis included) -> the answer.

        Raises:
            ContractViolation: The answer breaks `output_schema`, or a step refused it.
        """
        value = plain(self.postprocess.run(row_of(outputs, self.outputs, row), context))
        try:
            error = next(self._validator.iter_errors(value), None)
        except Unresolvable as problem:
            raise ContractViolation(f"output_schema refers to what is not there: {problem}") from problem
        except RecursionError as problem:
            raise ContractViolation("output_schema refers to itself without end") from problem
        if error is not None:
            raise ContractViolation(f"{error.json_path.replace('$', 'answer', 1)}: {error.message[:300]}")
        return value

    @cached_property
    def answer_schema(self) -> Mapping[str, Any]:
        """JSON Schema of an answer: the contract's own, else that of the task."""
        return self.output_schema or SCHEMAS[self.task]

    @cached_property
    def _validator(self) -> Draft202012Validator:
        # The empty registry: a contract must not make the service fetch something from the network.
        return Draft202012Validator(self.answer_schema, registry=Registry())

    def digest(self) -> str:
        """`sha256:...` over everything that changes answers.

        `name`, `source`, `root`, `files`, `fingerprints`, `limits` and `deployment` do not change them.
        """
        return digest_of(
            {
                "task": self.task,
                "inputs": [asdict(spec) for spec in self.inputs],
                "outputs": [asdict(spec) for spec in self.outputs],
                "output_schema": self.answer_schema,
                **self._pipelines(),
            }
        )

    def preprocess_digest(self) -> str:
        """`sha256:...` over the two pipelines, labels and vocabulary."""
        return digest_of(self._pipelines())

    def _pipelines(self) -> dict[str, Any]:
        return {
            "preprocess": [call.to_data() for call in self.preprocess.calls],
            "postprocess": [call.to_data() for call in self.postprocess.calls],
            "labels": self.labels,
            "vocabulary": self.vocabulary,
        }


def digest_of(data: Any) -> str:
    """`sha256:...` over data in its canonical JSON form: sorted keys, no spaces, UTF-8."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def draft_contract(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], name: str) -> Contract:
    """The contract that a graph alone allows: its specs, no pipelines, the raw outputs as the answer."""
    return Contract(name=name, task="tensor", inputs=tuple(inputs), outputs=tuple(outputs))
