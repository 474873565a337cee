"""Paddle Inference on the CPU: the runtime that Paddle models come from (M40)."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.runtimes._engine import Array, Engine, Runtime, Task, Traced, linked

_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "avx512bw"})
_SUFFIXES = {"paddle-json": ".json", "paddle-pdmodel": ".pdmodel"}
_LARGEST_KEPT = 64 << 20
# Paddle 3.3 cannot load any graph with an interpolation when oneDNN places its kernels (Paddle#77340).
_ONEDNN_BUG = "ConvertPirAttribute2RuntimeAttribute"


class PaddleEngine(Engine):
    """A predictor of Paddle Inference, and where asked a traced one and a differentiable one."""

    def __init__(self) -> None:
        # libpaddle 2.6 exports zlib symbols of its own; whoever loads first wins, and it must not be Paddle.
        importlib.import_module("zlib")
        self._paddle: Any = lazy.load("paddle", extra="paddle")
        self._inference: Any = lazy.load("paddle.inference", extra="paddle")
        self.notes = []
        self._operators: dict[str, int] = {}
        self._feeds: dict[str, Array] = {}
        self._layer: Any = None

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._paddle.__version__)

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        if task.format == "paddle-json" and self.version().startswith("2."):
            raise UsageError(  # it would die of SIGSEGV
                f"Paddle {self.version()} reads .pdmodel, not the .json graphs of Paddle 3",
                hint="use Paddle 3 for this model, or export it again with Paddle 2",
            )
        self._graph = linked(task.graph, task.scratch, "model" + _SUFFIXES[task.format])
        self._weights = linked(task.weights, task.scratch, "model.pdiparams") if task.weights else ""
        self._onednn = bool(task.engine.get("onednn", True)) and task.optimize
        self._skip_placement = False
        self._precision = self._effective_precision()
        try:
            self._config, self._predictor = self._create()
        except Exception as error:
            if not self._fall_back(error):
                raise
        if self._config.use_gpu():
            self.notes.append("runs on the GPU")

    def _effective_precision(self) -> str:
        asked, native = self._task.precision, self._task.native
        if native == "int8" and (asked != "int8" or not self._onednn):
            self.notes.append("the quantised graph is simulated in float32; precision int8 uses integers")
            return "float32"
        if asked == native:
            return native
        if asked == "bfloat16" and self._onednn and _BF16_FLAGS & _cpu_flags():
            return "bfloat16"
        self.notes.append(f"{asked} was asked for; on this processor Paddle runs the graph in {native}")
        return native

    def _create(self, *, plain: bool = False) -> tuple[Any, Any]:
        """A predictor; a plain one runs the graph operator by operator as it was written."""
        config = self._inference.Config(self._graph, self._weights)
        config.disable_gpu()
        config.disable_glog_info()
        config.set_cpu_math_library_num_threads(self._task.threads)
        config.switch_ir_optim(self._task.optimize and self._task.engine.get("ir_optim", True) and not plain)
        if self._onednn and not plain:
            config.enable_mkldnn()
            if self._precision == "bfloat16":
                config.enable_mkldnn_bfloat16()
            if self._precision == "int8":
                config.enable_mkldnn_int8()
            if self._skip_placement:
                config.delete_pass("onednn_placement_pass")
        else:
            config.disable_mkldnn()
        return config, self._inference.create_predictor(config)

    def _fall_back(self, error: Exception) -> bool:
        if self._skip_placement or not self._onednn or _ONEDNN_BUG not in str(error):
            return False
        self._skip_placement = True
        self._config, self._predictor = self._create()
        self.notes.append(
            f"Paddle {self.version()} cannot run this graph with oneDNN kernels placed (Paddle#77340); "
            "it runs without 'onednn_placement_pass'"
        )
        return True

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        try:
            outputs = self._infer(self._predictor, feeds)
        except Exception as error:
            if not self._fall_back(error):
                raise
            outputs = self._infer(self._predictor, feeds)
        if not self._feeds and sum(each.nbytes for each in feeds.values()) <= _LARGEST_KEPT:
            self._feeds = {name: array.copy() for name, array in feeds.items()}
        return outputs

    def _infer(self, predictor: Any, feeds: Mapping[str, Array]) -> list[Array]:
        for name in predictor.get_input_names():
            array = feeds[name]
            handle = predictor.get_input_handle(name)
            handle.reshape(array.shape)
            handle.copy_from_cpu(np.ascontiguousarray(array))
        predictor.run()
        # Output names differ between formats and versions: by index.
        return [predictor.get_output_handle(name).copy_to_cpu() for name in predictor.get_output_names()]

    def trace(self, feeds: Mapping[str, Array]) -> list[Traced]:
        """See `Engine.trace`."""
        _, predictor = self._create(plain=True)
        parameters = frozenset(self._task.parameters)
        seen: Counter[str] = Counter()
        traced: list[Traced] = []

        def hook(operator: str, tensor: str, value: Any) -> None:
            # Running statistics are written in place and come in random order.
            if tensor in parameters:
                return
            array = _copied(value)
            if array is None:
                return
            # 3.x: `pd_op.relu_:3` is stable, the variable's name is random. 2.x: the name is stable.
            label = operator if ":" in operator else tensor
            seen[label] += 1
            label = label if seen[label] == 1 else f"{label}#{seen[label]}"
            kind = operator.partition(":")[0].rpartition(".")[2].rstrip("_")
            traced.append(Traced(label, kind, _without_prefix(tensor), array))

        predictor.register_output_hook(hook)
        self._infer(predictor, feeds)
        return traced

    def gradients(self, feeds: Mapping[str, Array], of: str, output: int, index: Sequence[int]) -> Array:
        """See `Engine.gradients`."""
        if self._task.format != "paddle-json":
            raise UsageError(
                "Paddle gives gradients only for exported .json graphs, not for .pdmodel",
                hint="use an attribution without gradients, or export again with Paddle 3",
            )
        if feeds[of].dtype.kind != "f":
            raise UsageError(
                f"the input '{of}' is {feeds[of].dtype}, and only numbers that vary have gradients"
            )
        paddle, layer = self._paddle, self._differentiable()
        layer.eval()
        order = list(self._task.inputs)
        reference = _as_list(layer(*[paddle.to_tensor(np.array(feeds[name])) for name in order]))
        # Backward runs only in training mode; it may be used only where that changes no answer.
        layer.train()
        tensors = [paddle.to_tensor(np.array(feeds[name])) for name in order]
        source = tensors[order.index(of)]
        source.stop_gradient = False
        outputs = _as_list(layer(*tensors))
        for before, after in zip(reference, outputs, strict=True):
            if not np.allclose(before.numpy(), after.numpy(), rtol=1e-5, atol=1e-6, equal_nan=True):
                raise UsageError(
                    "this graph answers differently in training mode, so it has no true gradients"
                )
        rows = outputs[output].reshape([len(index), -1])
        chosen = paddle.take_along_axis(rows, paddle.to_tensor(np.asarray(index, "int64")[:, None]), axis=1)
        chosen.sum().backward()
        if source.grad is None:
            raise UsageError(
                f"no gradient reaches the input '{of}'", hint="use an attribution without gradients"
            )
        gradient: Array = source.grad.numpy()
        return gradient

    def _differentiable(self) -> Any:
        """The graph as a layer, loaded once: Paddle 3.2 hangs or dies after some fifty loads in a process."""
        if self._layer is None:
            self._layer = self._paddle.jit.load(str(Path(self._graph).with_suffix("")))
        return self._layer

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        if not self._operators and self._feeds:
            self._operators = self._fused()
        return {
            "threads": self._config.cpu_math_library_num_threads(),
            "precision": self._precision,
            "operators": self._operators,
        }

    def _fused(self) -> dict[str, int]:
        """What runs after optimisation, seen by one more run of a hooked predictor."""
        _, predictor = self._create()
        parameters = frozenset(self._task.parameters)
        seen: set[tuple[str, str]] = set()

        def hook(operator: str, tensor: str, _: Any) -> None:
            # 3.x labels each operator (`pd_op.relu_:3`), which may have several outputs; 2.x only its type.
            if tensor not in parameters:
                seen.add((operator, "" if ":" in operator else tensor))

        predictor.register_output_hook(hook)
        self._infer(predictor, self._feeds)
        return dict(Counter(operator.partition(":")[0] for operator, _ in sorted(seen)))


def _copied(value: Any) -> Array | None:
    array = np.array(value.copy_to_cpu() if hasattr(value, "copy_to_cpu") else value)
    return array.copy() if array.dtype.kind in "biufc" else None


def _without_prefix(tensor: str) -> str:
    """3.x puts a random prefix before `inner_var_5`."""
    _, found, rest = tensor.partition("_inner_var_")
    return f"inner_var_{rest}" if found else tensor


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _cpu_flags() -> frozenset[str]:
    for line in Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


RUNTIME = Runtime(
    name="paddle",
    summary="Paddle Inference: runs .json and .pdmodel as they were exported",
    formats=("paddle-json", "paddle-pdmodel"),
    extra="paddle",
    module="paddle",
    distribution="paddlepaddle",
    engine=PaddleEngine,
    switches={"onednn": bool, "ir_optim": bool},
)
