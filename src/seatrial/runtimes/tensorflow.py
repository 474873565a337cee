"""TensorFlow on the CPU, in an environment of its own: SavedModels and Keras models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.model.ordering import in_order
from seatrial.runtimes._engine import Array, Engine, Runtime, Task, Traced
from seatrial.runtimes._source import flat

_SIGNATURE = "serving_default"


class TensorFlowEngine(Engine):
    """A signature of a SavedModel, or a Keras model."""

    def __init__(self) -> None:
        self._tensorflow: Any = lazy.load("tensorflow", extra="tensorflow")
        self.notes = []

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._tensorflow.__version__)

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        threading = self._tensorflow.config.threading
        threading.set_intra_op_parallelism_threads(task.threads)
        threading.set_inter_op_parallelism_threads(1)
        if task.format == "keras":
            keras: Any = lazy.load("keras", extra="tensorflow")
            # Safe mode refuses layers that hold Python bytecode.
            self._keras = keras.saving.load_model(self._keras_file(), safe_mode=True, compile=False)
        else:
            self._loaded = self._tensorflow.saved_model.load(str(Path(task.graph).parent))
            self._signature = self._loaded.signatures[_SIGNATURE]
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; the model runs as it is, in {task.native}")

    def _keras_file(self) -> str:
        """Keras goes by the suffix."""
        path = Path(self._task.graph)
        if path.suffix == ".keras":
            return str(path)
        link = Path(self._task.scratch) / "model.keras"
        link.symlink_to(path)
        return str(link)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        constant = self._tensorflow.constant
        tensors = {name: constant(np.array(feeds[name])) for name in self._task.inputs}
        if self._task.format == "keras":
            given = list(tensors.values())
            answer = flat(self._keras(given[0] if len(given) == 1 else given, training=False))
        else:
            told = self._signature(**tensors)
            answer = [told[name] for name in in_order(told)]
        return [each.numpy() for each in answer]

    def trace(self, feeds: Mapping[str, Array]) -> Iterable[Traced]:
        """See `Engine.trace`: the layers of a Keras model that is a graph of them."""
        if self._task.format != "keras":
            raise UsageError("a SavedModel cannot be traced", hint="convert it to ONNX and trace that")
        keras: Any = lazy.load("keras", extra="tensorflow")
        layers = [each for each in self._keras.layers if type(each).__name__ != "InputLayer"]
        try:
            model = keras.Model(self._keras.inputs, [each.output for each in layers])
        except (AttributeError, ValueError) as error:
            raise UsageError(f"this Keras model is no graph of layers: {error}") from error
        given = [np.array(feeds[name]) for name in self._task.inputs]
        values = model(given[0] if len(given) == 1 else given, training=False)
        pairs = zip(layers, values if isinstance(values, list) else [values], strict=True)
        return [Traced(each.name, type(each).__name__, each.name, value.numpy()) for each, value in pairs]

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        if self._task.format == "keras":
            kinds = (type(each).__name__ for each in self._keras.layers)
            operators = Counter(each for each in kinds if each != "InputLayer")
        else:
            operators = Counter(each.type for each in self._signature.graph.get_operations())
        threads = self._tensorflow.config.threading.get_intra_op_parallelism_threads()
        return {"threads": threads, "precision": self._task.native, "operators": dict(operators)}


RUNTIME = Runtime(
    name="tensorflow",
    summary="TensorFlow: runs SavedModels and Keras models as they are",
    formats=("savedmodel", "keras"),
    extra="tensorflow",
    module="tensorflow",
    distribution="tensorflow",
    engine=TensorFlowEngine,
    environment={"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"},
    tool="tensorflow",
    tool_is_python=True,
)
