"""Steps folded into a graph of their own, run beside the Python steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import onnxruntime

from seatrial import extensions
from seatrial.contract import Context
from seatrial.contract.answer import plain
from seatrial.converters._fold.emitters import EMITTERS
from seatrial.converters._fold.graph import DOMAINS, EXTENSIONS, IR, Graph, Value

Call = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Folded:
    """Steps as a session: takes arrays in their order, gives the outputs by key."""

    session: Any
    inputs: tuple[str, ...]
    keys: tuple[str, ...]
    packed: bool

    def __call__(self, *values: Any) -> Any:
        feeds = dict(zip(self.inputs, (np.asarray(each) for each in values), strict=True))
        found = self.session.run(None, feeds)
        if not self.packed:
            return found[0]
        return self.answer(found)

    def rows(self, batch: Any) -> list[Any]:
        """What each row of a batch gives."""
        found = self.session.run(None, {self.inputs[0]: batch})
        if not self.packed:
            return list(found[0])
        return [self.answer([each[row] for each in found]) for row in range(len(batch))]

    def answer(self, found: Sequence[Any]) -> Any:
        """The parts of one answer put together."""
        pack = extensions.get("seatrial.contract.steps", "STEP", "pack")
        return plain(pack.apply(found, Context(), keys=self.keys))


def folded(
    calls: Sequence[Call],
    *entries: tuple[str, tuple[int | None, ...]],
    labels: Sequence[str] = (),
    vocabulary: Sequence[str] = (),
    notes: Mapping[str, Any] | None = None,
    lead: int = 0,
) -> Folded:
    """A session of these steps; `entries` are types and shapes of what goes in, batched where `lead` is 1."""
    graph = Graph("step.", lead=lead, labels=labels, vocabulary=vocabulary)
    for name, given in (notes or {}).items():
        graph.notes[name] = graph.constant(given, "int64" if name == "source_size" else "float64").shaped(2)
    values = [Value(f"in{place}", dtype, shape) for place, (dtype, shape) in enumerate(entries)]
    value: Any = values[0] if len(values) == 1 else values
    for name, options in calls:
        step = extensions.get("seatrial.contract.steps", "STEP", name)
        value = EMITTERS[name].write(graph, value, **step.filled(options))
    made = value if isinstance(value, dict) else {"value": value}
    helper, nodes = onnx.helper, list(graph.nodes)
    outputs = []
    for place, each in enumerate(made.values()):
        nodes.append(helper.make_node("Identity", [each.name], [f"out{place}"]))
        shape = [None] * (each.rank + lead)
        outputs.append(helper.make_tensor_value_info(f"out{place}", graph.kind(each.dtype), shape))
    inputs = [
        helper.make_tensor_value_info(each.name, graph.kind(each.dtype), [*[None] * lead, *each.shape])
        for each in values
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "steps", inputs, outputs),
        opset_imports=[helper.make_opsetid(*pair) for pair in DOMAINS.items()],
        ir_version=IR,
    )
    decodes = any(node.domain == EXTENSIONS for node in nodes)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), _options(decodes), providers=["CPUExecutionProvider"]
    )
    return Folded(session, tuple(each.name for each in values), tuple(made), isinstance(value, dict))


@lru_cache(maxsize=2)
def _options(decodes: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if decodes:
        import onnxruntime_extensions

        options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
    return options


def in_python(calls: Sequence[Call], value: Any, **context: Any) -> Any:
    """What the Python steps make of a value."""
    notes = dict(context.pop("notes", None) or {})
    told = Context(**context)
    told.notes.update({name: tuple(each) for name, each in notes.items()})
    for name, options in calls:
        value = extensions.get("seatrial.contract.steps", "STEP", name).apply(value, told, **options)
    return value
