"""Puts the folded steps around a model's graph, in one file of one opset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seatrial import extensions, lazy
from seatrial.contract.contract import Contract
from seatrial.contract.pipeline import StepCall
from seatrial.contract.tensor import TensorSpec
from seatrial.converters._fold.emitter import Emitter
from seatrial.converters._fold.emitters import EMITTERS, why_not
from seatrial.converters._fold.graph import DOMAINS, IR, OPSET, Graph, Value
from seatrial.errors import UnsupportedModel

PARTS = ("both", "pre", "post")
GEOMETRY = ("source_size", "scale", "offset")  # what a step after the model wants of those before it
_KEEPS = frozenset({"cast", "expand", "reshape", "squeeze", "transpose"})  # numbers, whatever their shape
_NEEDS_GEOMETRY = frozenset({"db_boxes", "detection_rows", "mask"})


@dataclass(frozen=True)
class Entry:
    """What the folded model takes.

    Attributes:
        name: Of the input.
        dtype: `uint8` for bytes and pixels, `string` for text, else that of the arrays.
        shape: Of one sample.
        kind: `bytes`, `pixels`, `text` or `array`; `feeds` where the model's own inputs stay.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    kind: str


@dataclass(frozen=True)
class Made:
    """A folded graph.

    Attributes:
        model: The ONNX model.
        inputs: Specs of its inputs.
        outputs: Specs of its outputs.
        keys: For each output the part of the answer it is (`class`, `top.index`), a note that a step
            outside needs (`note:scale`), or empty for an output of the model itself.
        batched: Whether several samples may go in at once.
    """

    model: Any
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    keys: tuple[str, ...]
    batched: bool


def first_unfoldable(calls: Sequence[StepCall]) -> StepCall | None:
    """The first step without an emitter."""
    return next((call for call in calls if call.name not in EMITTERS), None)


def check_foldable(contract: Contract, part: str) -> None:
    """Refuses by name what cannot be folded, and says what can.

    Raises:
        UnsupportedModel: A step has no nodes.
    """
    stages = {"pre": contract.preprocess.calls, "post": contract.postprocess.calls}
    for stage, calls in stages.items():
        call = first_unfoldable(calls) if part in (stage, "both") else None
        if call is None:
            continue
        other = "post" if stage == "pre" else "pre"
        hint = f"the {other}processing can be folded alone: --fold {other}"
        if first_unfoldable(stages[other]) is not None or not stages[other]:
            hint = "serve the model with its contract instead: the steps then run beside it"
        where = f"{stage}processing"
        raise UnsupportedModel(
            f"step '{call.name}' of the {where} cannot be folded: {why_not(call.name)}", hint=hint
        )
    _check_geometry(contract, part)


def _check_geometry(contract: Contract, part: str) -> None:
    """A step after the model that asks where pixels went cannot be folded away from those that know."""
    images = any(call.name == "decode_image" for call in contract.preprocess.calls)
    wants = next((call.name for call in contract.postprocess.calls if call.name in _NEEDS_GEOMETRY), "")
    if part == "post" and images and wants:
        raise UnsupportedModel(
            f"step '{wants}' needs to know where the pixels of the image went, which the preprocessing knows",
            hint="fold both: --fold both",
        )


def assemble(model: Any, contract: Contract, entry: Entry, part: str, metadata: Mapping[str, str]) -> Made:
    """The model with its pipelines inside.

    Args:
        model: A `ModelProto` with its weights in it; changed.
        contract: Of the model.
        entry: What goes in.
        part: One of `PARTS`.
        metadata: Written into the file.

    Raises:
        UnsupportedModel: A step cannot be folded as it stands.
    """
    calls = [
        *(contract.preprocess.calls if part != "post" else ()),
        *(contract.postprocess.calls if part != "pre" else ()),
    ]
    free = all(spec.batch_is_free for spec in (*contract.inputs, *contract.outputs))
    array = entry.kind in {"array", "feeds"} and contract.task != "detection"
    lead = int(array and free and all(EMITTERS[call.name].batched for call in calls))
    model = _modern(model)
    work = _Work(model, contract, lead)
    if part != "post":
        work.before(entry)
    else:
        work.inputs = list(contract.inputs)
    if part != "pre":
        work.after()
    else:
        work.kept()
    return work.finished(metadata)


def _modern(model: Any) -> Any:
    onnx: Any = lazy.load("onnx", extra="onnx")
    opsets = {each.domain: each.version for each in model.opset_import}
    if opsets.get("", opsets.get("ai.onnx", OPSET)) < OPSET:
        try:
            model = onnx.version_converter.convert_version(model, OPSET)
        except Exception as error:  # C++ exceptions of many kinds come through
            raise UnsupportedModel(
                f"the model of opset {opsets.get('', '?')} cannot be brought to {OPSET}: {str(error)[:200]}",
                hint=f"export it with opset {OPSET} or later",
            ) from error
    there = {each.domain for each in model.opset_import}
    for domain, version in DOMAINS.items():
        if domain not in there:
            model.opset_import.append(onnx.helper.make_opsetid(domain, version))
    model.ir_version = max(model.ir_version, IR)
    return model


class _Work:
    """A model on its way."""

    def __init__(self, model: Any, contract: Contract, lead: int) -> None:
        self._onnx: Any = lazy.load("onnx", extra="onnx")
        self._model, self._contract, self._lead = model, contract, lead
        self._names = {name for node in model.graph.node for name in (*node.input, *node.output)}
        self._before = self._graph("fold.pre.")
        self._after = self._graph("fold.post.")
        self.inputs: list[TensorSpec] = []
        self._outputs: list[tuple[str, TensorSpec]] = []

    def _graph(self, prefix: str) -> Graph:
        contract = self._contract
        return Graph(prefix, lead=self._lead, labels=contract.labels, vocabulary=contract.vocabulary)

    def before(self, entry: Entry) -> None:
        """Writes the preprocessing and ties it to the model's inputs."""
        graph, batch = self._before, "batch" if self._lead else 1
        own = {each.name for each in self._contract.inputs}
        if entry.name in own:
            self._rename(entry.name, f"fold.feed.{entry.name}")
        elif entry.name in self._names:
            self._rename(entry.name, f"fold.own.{entry.name}")
        sizes = [each or f"{entry.name}_{axis}" for axis, each in enumerate(entry.shape)]
        low, high = self._bounds(entry)
        self.inputs = [TensorSpec(entry.name, entry.dtype, (batch, *sizes), low=low, high=high)]
        value: Any = Value(entry.name, entry.dtype, entry.shape)
        if not self._lead:
            value = graph.put("Squeeze", value, graph.ints(0)).shaped(*entry.shape)
        value = _written(graph, self._contract.preprocess.calls, value)
        feeds = value if isinstance(value, dict) else {self._contract.inputs[0].name: value}
        if set(feeds) != own:
            raise UnsupportedModel(
                f"the preprocessing feeds {sorted(feeds)}, and the model takes {sorted(own)}"
            )
        for spec in self._contract.inputs:
            self._tie(spec, feeds[spec.name], "fold.feed." if spec.name == entry.name else "")

    def _bounds(self, entry: Entry) -> tuple[float | None, float | None]:
        """The model's own, where the steps before it leave the numbers as they are."""
        if entry.kind != "array" or any(call.name not in _KEEPS for call in self._contract.preprocess.calls):
            return None, None
        own = self._contract.inputs[0]
        return own.low, own.high

    def _tie(self, spec: TensorSpec, value: Value, prefix: str) -> None:
        graph = self._before
        if value.dtype != spec.dtype or value.rank + 1 != len(spec.shape):
            raise UnsupportedModel(
                f"the preprocessing gives {value.dtype} of {value.rank} axes for input '{spec.name}', "
                f"and the model takes {spec.dtype} of {len(spec.shape) - 1}"
            )
        made = value if self._lead else graph.put("Unsqueeze", value, graph.ints(0))
        name = prefix + spec.name
        graph.nodes.append(self._onnx.helper.make_node("Identity", [made.name], [name], name=f"{name}.feed"))

    def _rename(self, old: str, new: str) -> None:
        def walk(graph: Any) -> None:
            for node in graph.node:
                for place, name in enumerate(node.input):
                    if name == old:
                        node.input[place] = new
                for place, name in enumerate(node.output):
                    if name == old:
                        node.output[place] = new
                for attribute in node.attribute:
                    for inner in (attribute.g, *attribute.graphs):
                        walk(inner)
            for each in (*graph.input, *graph.initializer, *graph.output, *graph.value_info):
                if each.name == old:
                    each.name = new

        walk(self._model.graph)

    def _model_outputs(self) -> list[Value]:
        """The model's outputs of one sample, as `contract.answer.row_of` takes them apart."""
        graph, found = self._after, []
        pairs = list(zip(self._model.graph.output, self._contract.outputs, strict=True))
        counts = next(
            (real.name for real, spec in pairs if len(spec.shape) == 1 and spec.dtype.startswith("int")), ""
        )
        for real, spec in pairs:
            value, shape = Value(real.name, spec.dtype), spec.shape[1:]
            if spec.layout and not spec.layout.startswith("N"):
                shape = (None, *shape)
                if counts and counts != real.name:
                    count = graph.put(
                        "Slice", Value(counts, "int32"), graph.ints(0), graph.ints(1), graph.ints(0)
                    )
                    value = graph.put(
                        "Slice", value, graph.ints(0), graph.cast(count, "int64"), graph.ints(0)
                    )
            elif not self._lead:
                value = graph.put("Gather", value, graph.whole(0), axis=0)
            found.append(value.shaped(*(each if isinstance(each, int) else None for each in shape)))
        return found

    def after(self) -> None:
        """Writes the postprocessing behind the model's outputs."""
        graph = self._after
        graph.notes.update(self._before.notes)
        outputs = self._model_outputs()
        value: Any = outputs[0] if len(outputs) == 1 else outputs
        value = _written(graph, self._contract.postprocess.calls, value)
        if not isinstance(value, dict):
            raise UnsupportedModel(
                "the postprocessing does not end in an answer", hint="end it with a step such as topk"
            )
        for key, each in value.items():
            self._give(key, key, each)

    def kept(self) -> None:
        """Leaves the model's outputs as they are, with what a step outside must know of the image."""
        for real, spec in zip(self._model.graph.output, self._contract.outputs, strict=True):
            self._outputs.append(("", TensorSpec(real.name, spec.dtype, spec.shape, spec.layout)))
        notes = self._before.notes
        if any(call.name in _NEEDS_GEOMETRY for call in self._contract.postprocess.calls):
            for name in GEOMETRY:
                if name in notes:
                    self._after.notes[name] = notes[name]
                    self._give(f"note:{name}", name, notes[name].shaped(2))

    def _give(self, key: str, name: str, value: Value) -> None:
        graph = self._after
        made = value if self._lead else graph.put("Unsqueeze", value, graph.ints(0))
        given = name.replace(".", "_")
        while given in self._names or given in {each.name for each in self.inputs}:
            given = f"answer_{given}"
        graph.nodes.append(
            self._onnx.helper.make_node("Identity", [made.name], [given], name=f"{given}.answer")
        )
        free = [each if each is not None else f"{given}_{axis}" for axis, each in enumerate(value.shape)]
        shape = ("batch" if self._lead else 1, *free)
        self._outputs.append((key, TensorSpec(given, value.dtype, shape)))

    def finished(self, metadata: Mapping[str, str]) -> Made:
        """The whole model; nodes that nothing needs are left out."""
        graph, helper = self._model.graph, self._onnx.helper
        outputs = [spec for _, spec in self._outputs]
        nodes = _needed(
            [*self._before.nodes, *graph.node, *self._after.nodes], {each.name for each in outputs}
        )
        del graph.node[:], graph.value_info[:], graph.input[:], graph.output[:]
        graph.node.extend(nodes)
        for target, specs in ((graph.input, self.inputs), (graph.output, outputs)):
            target.extend(
                helper.make_tensor_value_info(each.name, self._before.kind(each.dtype), list(each.shape))
                for each in specs
            )
        read = {name for node in nodes for name in _reads(node)} | {each.name for each in outputs}
        for each in [each for each in graph.initializer if each.name not in read]:
            graph.initializer.remove(each)
        used = {node.domain for node in nodes}
        for each in [each for each in self._model.opset_import if each.domain in set(DOMAINS) - used - {""}]:
            self._model.opset_import.remove(each)
        del self._model.metadata_props[:]
        helper.set_model_props(self._model, dict(metadata))
        self._onnx.checker.check_model(self._model)
        keys = tuple(key for key, _ in self._outputs)
        return Made(self._model, tuple(self.inputs), tuple(outputs), keys, bool(self._lead))


def _written(graph: Graph, calls: Sequence[StepCall], value: Any) -> Any:
    """The steps one behind the other."""
    for call in calls:
        if call.name not in EMITTERS:
            raise UnsupportedModel(f"step '{call.name}' cannot be folded: {why_not(call.name)}")
        step = extensions.get("seatrial.contract.steps", "STEP", call.name)
        emitter: Emitter = EMITTERS[call.name]
        value = emitter.write(graph, value, **step.filled(call.options))
    return value


def _needed(nodes: Sequence[Any], wanted: set[str]) -> list[Any]:
    """The nodes that the outputs depend on, in their order."""
    kept = []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.output):
            kept.append(node)
            wanted |= _reads(node)
    return kept[::-1]


def _reads(node: Any) -> set[str]:
    """Names a node reads, those that its bodies see from outside included."""
    names = set(node.input)
    for attribute in node.attribute:
        for inner in (attribute.g, *attribute.graphs):
            for each in inner.node:
                names |= _reads(each)
            names |= {each.name for each in inner.output}
    return names
