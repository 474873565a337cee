"""One model in one format: its files, what they say, and its digest. Nothing here runs the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from seatrial.contract.tensor import TensorSpec


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of an artifact. `role` is `graph`, `parameters`, `config`, `labels` or `other`."""

    path: Path
    role: str
    size: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """One tensor of weights: what the graph says of it and where its bytes lie.

    Attributes:
        name: As the graph has it.
        dtype: One of `contract.tensor.DTYPES`.
        shape: Dimensions.
        file: File with the bytes; None when the bytes are missing.
        offset: First byte in `file`.
        nbytes: Bytes in `file`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path | None
    offset: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a graph, as its file has it.

    Attributes:
        name: Unique in the graph: `conv2d:4` (type and position), or the node's own name in ONNX.
        type: `conv2d`, `batch_norm_`, `Conv`, `com.microsoft.Gelu`; the key of `Artifact.operators`.
        attributes: Numbers, booleans, text and tuples of them; what else there is appears as text.
        inputs: Names of values: a graph input, a parameter, or what an operator before made; "" where an
            optional input was left out.
        outputs: Names of values.
        scope: Name of the operator whose body holds this one; empty at the top.
    """

    name: str
    type: str
    attributes: Mapping[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A defect seen while reading the files.

    Attributes:
        code: Stable, kebab-case: `parameters-truncated`, `version-from-the-future`...
        message: What is there and what was expected.
        where: File name, with offset or tensor name.
        hint: What usually causes it and what to do.
        room: `structure` (files, graph, versions) or `weights` (one tensor against the graph).
    """

    code: str
    message: str
    where: str
    hint: str
    room: Literal["structure", "weights"] = "structure"


@dataclass(frozen=True)
class Artifact:
    """A model as its files describe it, read without running it.

    Attributes:
        path: What the caller named: the graph file or the folder.
        format: Name of the format: `paddle-json`, `paddle-pdmodel`, `onnx`, `torchscript`, `openvino`.
        files: Every file that belongs to it, graph first.
        digest: `sha256:...` over roles, names and bytes of all files.
        version: Framework or format version for people: `PIR 4`, `2.6.2`, `opset 17, ir 8`.
        inputs: In the graph's order.
        outputs: In the graph's order.
        parameters: In the graph's order of names.
        operators: How often each operator occurs, control-flow bodies included.
        problems: Defects seen; an artifact with problems is never handed to an engine outside a worker.
        metadata: Producer, doc strings, custom key-values found in the files.
    """

    path: Path
    format: str
    files: tuple[ModelFile, ...]
    digest: str
    version: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: tuple[Parameter, ...]
    operators: Mapping[str, int]
    problems: tuple[Problem, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.files)

    @property
    def graph(self) -> Path:
        """The file with the graph."""
        return self.files[0].path

    @property
    def weights(self) -> Path | None:
        """The file with the parameters, or None when they lie in the graph file or are missing."""
        return next((each.path for each in self.files if each.role == "parameters"), None)
