"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.runtimes._engine import Array, Engine, Runtime, Task, Traced, is_in_memory
from seatrial.runtimes._external import External, Mapped

_FATAL_ONLY = 4
_EXTENSIONS = "com.microsoft.extensions"  # a folded model decodes images with it (M26)
_LARGEST_PROTO = (1 << 31) - 1


class OnnxRuntimeEngine(Engine):
    """An inference session of ONNX Runtime."""

    def __init__(self) -> None:
        self._ort: Any = lazy.load("onnxruntime", extra="onnx")
        self._ort.disable_telemetry_events()
        self._ort.set_default_logger_severity(_FATAL_ONLY)
        self.notes = []
        self._operators: dict[str, int] | None = None

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._ort.__version__)

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        self._session = self._in_memory() if task.external else self._created(task.graph, self._options())
        if task.precision != task.native:
            self.notes.append(
                f"{task.precision} was asked for; the CPU provider runs the graph as it is, in {task.native}"
            )

    def _created(self, graph: str | bytes, options: Any) -> Any:
        return self._ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def _in_memory(self) -> Any:
        """A session of a graph whose weights are in files that are in memory only.

        By path it computes with them where they are; but it insists on real paths, which not all such files
        have. Handed over as values they are copied; and those of bodies of loops only go as whole files.
        """
        folder, graph = str(Path(self._task.graph).parent), Path(self._task.graph).read_bytes()
        try:
            return self._created(self._task.graph, self._options())
        except Exception as error:
            if not _about_paths(error):
                raise
        mapped = Mapped([External(**each) for each in self._task.external])
        values = mapped.values(self._ort)
        if values is not None:
            options = self._options()
            options.add_external_initializers(*values)
            try:
                return self._created(graph, options)
            except Exception as error:
                if not _about_paths(error):
                    raise
        options = self._options()
        options.add_external_initializers_from_files_in_memory(*mapped.files(folder))
        return self._created(graph, options)

    def _options(self, *, plain: bool = False) -> Any:
        levels = self._ort.GraphOptimizationLevel
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = self._task.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL_ONLY
        on = self._task.optimize and not plain
        options.graph_optimization_level = levels.ORT_ENABLE_ALL if on else levels.ORT_DISABLE_ALL
        # Idle workers must not burn processors that another session is being timed on.
        if self._task.format == "ort":  # the engine goes by the suffix, which a file in memory lacks
            options.add_session_config_entry("session.load_model_format", "ORT")
        spinning = "1" if self._task.engine.get("spinning", False) else "0"
        options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
        if _EXTENSIONS in self._task.domains:
            extensions: Any = lazy.load("onnxruntime_extensions", extra="fold")
            options.register_custom_ops_library(extensions.get_library_path())
        return options

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        outputs: list[Array] = self._session.run(None, dict(feeds))
        return outputs

    def trace(self, feeds: Mapping[str, Array]) -> list[Traced]:
        """See `Engine.trace`."""
        if self._task.format == "ort":
            raise UsageError("an .ort graph cannot be traced", hint="trace the .onnx file it was made from")
        if self._task.external:
            raise UsageError(
                "a model that is in memory only, with weights beside its graph, cannot be traced"
            )
        onnx: Any = lazy.load("onnx", extra="onnx")
        model = onnx.load(self._task.graph)
        outputs = [
            name for node in model.graph.node if node.op_type != "Constant" for name in node.output if name
        ]
        operators = {name: node.op_type for node in model.graph.node for name in node.output}
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        if model.ByteSize() > _LARGEST_PROTO:
            raise UsageError("a graph over 2 GB cannot be traced")
        session = self._created(model.SerializeToString(), self._options(plain=True))
        values = session.run(outputs, dict(feeds))
        pairs = zip(outputs, values, strict=True)
        # Sequences and maps have no single array.
        return [
            Traced(name, operators[name], name, value) for name, value in pairs if hasattr(value, "dtype")
        ]

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        if self._operators is None:
            self._operators = self._optimized()
        return {
            "threads": self._session.get_session_options().intra_op_num_threads,
            "precision": self._task.native,
            "operators": self._operators,
        }

    def _optimized(self) -> dict[str, int]:
        """Operators of the graph as the session rewrote it."""
        if self._task.format == "ort":
            self.notes.append("the optimized operators of an .ort graph are those of its file")
            return {}
        if is_in_memory(self._task.graph):
            self.notes.append("the optimized operators are not told: they would be written to a disk")
            return {}
        if not lazy.installed("onnx"):
            self.notes.append("the optimized operators are not told: the package 'onnx' is not installed")
            return {}
        onnx: Any = lazy.load("onnx", extra="onnx")
        options = self._options()
        target = Path(self._task.scratch) / "optimized.onnx"
        options.optimized_model_filepath = str(target)
        self._created(self._task.graph, options)
        graph = onnx.load(str(target), load_external_data=False).graph
        target.unlink()
        return dict(Counter(node.op_type for node in graph.node))


def _about_paths(error: Exception) -> bool:
    """Whether a model was refused for where its external data lies."""
    return "xternal data" in str(error)


RUNTIME = Runtime(
    name="onnxruntime",
    summary="ONNX Runtime: runs .onnx and .ort, fastest for small models on the CPU",
    formats=("onnx", "ort"),
    extra="onnx",
    module="onnxruntime",
    distribution="onnxruntime",
    engine=OnnxRuntimeEngine,
    switches={"spinning": bool},
)
