"""The models of the conformance suite, told once: for our server over fake engines, and for Triton."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from seatrial.contract import Contract, TensorSpec
from seatrial.model import Artifact, ModelFile
from seatrial.serve.model import ServedModel, ServingOptions
from seatrial.serve.settings import Model
from seatrial.serve.versions.layout import Found
from support import v2_functions
from support.fake_session import FakeSession

BATCH = 8


@dataclass(frozen=True)
class Told:
    """One model: its tensors (name, dtype, shape without the batch axis), its versions, its batches."""

    inputs: tuple[tuple[str, str, tuple[int | None, ...]], ...]
    outputs: tuple[tuple[str, str, tuple[int | None, ...]], ...]
    versions: tuple[str, ...] = ("1",)
    batch: int = BATCH


MODELS = {
    "double": Told((("x", "float64", (1,)),), (("y", "float64", (1,)),)),
    "both": Told(
        (("a", "int32", (2,)), ("b", "int32", (2,))), (("sum", "int32", (2,)), ("difference", "int32", (2,)))
    ),
    "echo": Told((("s", "string", (None,)),), (("t", "string", (None,)),)),
    "times": Told((("x", "float32", (2,)),), (("y", "float32", (2,)),), versions=("2", "3")),
    "slow": Told((("x", "float64", (1,)),), (("y", "float64", (1,)),), batch=2),
}


class FunctionSession(FakeSession):
    """Runs one of `v2_functions`."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__()
        self._name, self._version = name, version

    def begin(self, feeds: Mapping[str, Any]) -> None:
        self.batches.append(len(next(iter(feeds.values()))))
        if self._name == "slow":  # a device that is busy leaves the loop alone
            self._answer = [feeds["x"]]
        else:
            outputs = getattr(v2_functions, self._name)(self._version, **feeds)
            self._answer = [outputs[name] for name, _, _ in MODELS[self._name].outputs]
        asyncio.get_running_loop().call_later(self.seconds, self._reply)


def specs(tensors: tuple[tuple[str, str, tuple[int | None, ...]], ...]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, dtype, ("batch", *shape)) for name, dtype, shape in tensors)


async def load(name: str, found: Found, *_: object, **__: object) -> ServedModel:
    """Makes a version where the server's own loader would, over a fake engine."""
    told = MODELS[name]
    artifact = Artifact(
        path=Path(f"{name}.onnx"),
        format="onnx",
        files=(ModelFile(Path(f"{name}.onnx"), "graph", 0),),
        digest="sha256:0",
        version="opset 17",
        inputs=specs(told.inputs),
        outputs=specs(told.outputs),
        parameters=(),
        operators={},
    )
    sessions: list[FunctionSession] = []

    def opened() -> FunctionSession:
        sessions.append(FunctionSession(name, found.version))
        return sessions[-1]

    contract = Contract(name=name, task="tensor", inputs=artifact.inputs, outputs=artifact.outputs)
    options = ServingOptions(max_batch_size=told.batch)
    served = ServedModel(name, found.version, artifact, contract, options=options, opens=opened)
    await served.load()
    if name == "slow":
        sessions[0].seconds = v2_functions.SECONDS
    return served


def write_ours(folder: Path) -> dict[str, Model]:
    """Files for the versions, in which nothing is read, and what the settings say of them."""
    for name, told in MODELS.items():
        for version in told.versions:
            (folder / name / version).mkdir(parents=True)
            (folder / name / version / "model.onnx").touch()
    return {name: Model.model_validate({"path": folder / name, "versions": {"all": True}}) for name in MODELS}


_TYPES = {
    "float64": "TYPE_FP64", "float32": "TYPE_FP32", "int32": "TYPE_INT32", "string": "TYPE_STRING",
}  # fmt: skip

_MODEL = """
import json
import triton_python_backend_utils as backend


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.function, self.version = globals()[config["name"]], args["model_version"]
        self.inputs = [each["name"] for each in config["input"]]

    def execute(self, requests):
        answers = []
        for request in requests:
            given = {n: backend.get_input_tensor_by_name(request, n).as_numpy() for n in self.inputs}
            outputs = self.function(self.version, **given)
            tensors = [backend.Tensor(name, value) for name, value in outputs.items()]
            answers.append(backend.InferenceResponse(tensors))
        return answers
"""


def write_triton(folder: Path) -> None:
    """A model repository of Triton's."""
    functions = Path(v2_functions.__file__).read_text("utf-8")
    for name, told in MODELS.items():
        for version in told.versions:
            (folder / name / version).mkdir(parents=True)
            (folder / name / version / "model.py").write_text(functions + _MODEL, "utf-8")
        lines = [
            f'name: "{name}"', 'backend: "python"', f"max_batch_size: {told.batch}",
            "version_policy { all { } }", "instance_group [{ kind: KIND_CPU count: 1 }]",
            # A request may only ask for less than the default, so there is one.
            "dynamic_batching { default_queue_policy {"
            " allow_timeout_override: true default_timeout_microseconds: 60000000 } }",
            *map(partial(_line, "input"), told.inputs), *map(partial(_line, "output"), told.outputs),
        ]  # fmt: skip
        (folder / name / "config.pbtxt").write_text("\n".join(lines), "utf-8")


def _line(kind: str, tensor: tuple[str, str, tuple[int | None, ...]]) -> str:
    name, dtype, shape = tensor
    dims = ", ".join(str(-1 if each is None else each) for each in shape)
    return f'{kind} [{{ name: "{name}" data_type: {_TYPES[dtype]} dims: [{dims}] }}]'
