"""ONNX to ONNX with whole channels taken out: fewer numbers to compute, not zeros to multiply with (M24).

Which channels belong together says `_channel_groups`; those of the smallest filters go first (L1, Li et al.
2017, "Pruning Filters for Efficient ConvNets"). What is left computes exactly what the model computed when
nobody listened to the channels that went.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.contract.sample import Array
from seatrial.converters._channel_groups import Cut, Graph, Group, reads_the_batch
from seatrial.converters._converter import Converter
from seatrial.converters._provenance import made_from
from seatrial.errors import ModelError, UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact

_LARGEST = (1 << 31) - 1
# Engines compute eight channels at a time; eleven cost them as much as sixteen, or a slower way altogether.
MULTIPLE = 8
_OPTIONS: Mapping[str, Any] = {"sparsity": 0.5, "multiple": MULTIPLE, "keep": (), "only": ()}


@dataclass(frozen=True)
class Plan:
    """What goes of one group.

    Attributes:
        group: Name of the first node that makes the channels.
        size: Channels before.
        gone: Places of those that go, ascending.
        whole: Why none may go; empty: they may.
    """

    group: str
    size: int
    gone: tuple[int, ...]
    whole: str = ""


def available() -> bool:
    """Whether onnx is installed."""
    return lazy.installed("onnx")


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`.

    Options: `sparsity` (share of each group that goes), `multiple` (of which the number that stays is one, in
    groups of at least so many), `keep` and `only` (names of groups).
    """
    if artifact.size > _LARGEST:
        raise UnsupportedModel("a model over 2 GB cannot be pruned as one ONNX file")
    onnx: Any = lazy.load("onnx", extra="onnx")
    model = onnx.load(str(artifact.graph))
    plans = prune(model, **{**_OPTIONS, **options})
    gone = sum(len(each.gone) for each in plans)
    if not gone:
        reasons = "; ".join(f"{each.group}: {each.whole}" for each in plans if each.whole)
        raise ModelError(
            f"not pruned: no channel can go ({reasons or 'the model makes none'})",
            hint="quantize it instead, or give another sparsity",
        )
    progress(f"{gone} of {sum(each.size for each in plans)} channels of {len(plans)} groups go")
    for name, value in made_from(artifact).items():
        model.metadata_props.add(key=name, value=value)
    target = folder / f"{artifact.graph.stem}.onnx"
    onnx.save(model, str(target))
    return target


def planned(artifact: Artifact, **options: Any) -> list[Plan]:
    """What would go of each group, in the graph's order; nothing is written. Options: as for `make`."""
    onnx: Any = lazy.load("onnx", extra="onnx")
    return prune(onnx.load(str(artifact.graph)), **{**_OPTIONS, **options})


def prune(
    model: Any,
    *,
    sparsity: float = 0.5,
    multiple: int = MULTIPLE,
    keep: Sequence[str] = (),
    only: Sequence[str] = (),
) -> list[Plan]:
    """Takes channels out of a ModelProto, in place; what went and what stayed whole, and why.

    Args:
        model: With its weights in it.
        sparsity: Share of the channels of each group that goes; one channel always stays.
        multiple: In groups of at least so many, the number that stays is the nearest multiple of it.
        keep: Groups that are left whole.
        only: If given, no other group loses any.

    Raises:
        UsageError: The share is none, or there is no group of a name.
    """
    if not 0 < sparsity < 1:
        raise UsageError(f"a sparsity lies between 0 and 1, not at {sparsity:g}")
    if multiple < 1:
        raise UsageError(f"channels stay by a multiple of 1 or more, not of {multiple}")
    constants, groups = analyze(model)
    known = [each.name for each in groups]
    unknown = sorted({*keep, *only} - set(known))
    if unknown:
        raise UsageError(f"there is no group {', '.join(unknown)}", hint=f"there are: {', '.join(known)}")
    plans = []
    for group in groups:
        spared = group.name in keep or (only and group.name not in only)
        whole = group.whole or ("asked to stay" if spared else "")
        gone = (
            () if whole else weakest(group, constants, group.size - _staying(group.size, sparsity, multiple))
        )
        plans.append(Plan(group.name, group.size, gone, whole))
        if gone:
            _cut(model, group, gone, constants)
    _write(model, constants)
    return plans


def _staying(size: int, sparsity: float, multiple: int) -> int:
    """How many channels of a group stay; one at the least."""
    wanted = size - round(size * sparsity)
    if size < multiple:
        return max(1, wanted)
    return min(size, max(1, round(wanted / multiple)) * multiple)


def analyze(model: Any) -> tuple[dict[str, Array], list[Group]]:
    """Constants and groups of a model, which is brought into the form that they are found in."""
    onnx: Any = lazy.load("onnx", extra="onnx")
    constants = _constants(model, onnx)
    shapes = _shapes(onnx.shape_inference.infer_shapes(model, data_prop=True))
    _adaptive(model, constants, shapes)
    _without_dead(model)
    for place, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}:{place}"
    _write(model, constants)
    return constants, Graph(model.graph, constants, shapes).groups()


def weakest(group: Group, constants: Mapping[str, Array], count: int) -> tuple[int, ...]:
    """The channels with the smallest filters, as a share of the mean of each tensor that makes them."""
    worth = np.zeros(group.size)
    for cut in group.cuts:
        if cut.makes:
            filters = np.abs(np.moveaxis(constants[cut.tensor], cut.axis, 0).reshape(group.size, -1)).sum(1)
            worth += filters / max(float(filters.mean()), 1e-30)
    return tuple(sorted(int(each) for each in np.argsort(worth, kind="stable")[:count]))


def positions(cut: Cut, gone: Sequence[int]) -> list[int]:
    """Where channels lie in a tensor."""
    return [channel * cut.repeat + each for channel in gone for each in range(cut.repeat)]


def _cut(model: Any, group: Group, gone: Sequence[int], constants: dict[str, Array]) -> None:
    for cut in group.cuts:
        constants[cut.tensor] = np.delete(constants[cut.tensor], positions(cut, gone), cut.axis)
    for node in model.graph.node:
        if node.name in group.nodes:
            for each in node.attribute:
                if each.name == "group":
                    each.i = group.size - len(gone)


def _constants(model: Any, onnx: Any) -> dict[str, Array]:
    """Every constant as an array; nodes that hold one, or only lay one out anew, become initializers."""
    graph = model.graph
    found: dict[str, Array] = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    kept = []
    for node in graph.node:
        value = _value(node, found, onnx)
        if value is None:
            kept.append(node)
        else:
            found[node.output[0]] = value
    del graph.node[:]
    graph.node.extend(kept)
    _write(model, found)
    inputs = [each for each in graph.input if each.name not in found]
    del graph.input[:]
    graph.input.extend(inputs)
    return found


def _value(node: Any, found: Mapping[str, Array], onnx: Any) -> Array | None:
    if node.op_type == "Constant":
        tensor = next((each.t for each in node.attribute if each.name == "value"), None)
        return None if tensor is None else onnx.numpy_helper.to_array(tensor)
    if node.op_type in ("Reshape", "Identity") and all(name in found for name in node.input):
        array = found[node.input[0]]
        if node.op_type == "Identity":
            return array
        shape = [array.shape[at] if size == 0 else int(size) for at, size in enumerate(found[node.input[1]])]
        return array.reshape(shape)
    return None


def _shapes(model: Any) -> dict[str, tuple[int | None, ...]]:
    every = (*model.graph.value_info, *model.graph.input, *model.graph.output)
    return {
        each.name: tuple(
            dim.dim_value if dim.HasField("dim_value") else None for dim in each.type.tensor_type.shape.dim
        )
        for each in every
        if each.type.tensor_type.HasField("shape")
    }


def _adaptive(model: Any, constants: dict[str, Array], shapes: dict[str, tuple[int | None, ...]]) -> None:
    """Pictures that are laid out in a row: the target is said as `the batch, and the rest`."""
    made = {name: node for node in model.graph.node for name in node.output}
    for place, node in enumerate(model.graph.node):
        inner = shapes.get(node.input[0], ())[1:] if node.op_type == "Reshape" else ()
        if not inner or None in inner or any(each.i for each in node.attribute):
            continue
        columns = int(np.prod(inner))  # type: ignore[arg-type]
        after = shapes.get(node.output[0], ())
        if (len(after) == 2 and after[1] == columns) or _is_row(node, made, constants, columns):
            shapes[node.output[0]] = (shapes[node.input[0]][0], columns)
            constants[f"seatrial_row_{place}"] = np.array([0, -1], "int64")
            node.input[1] = f"seatrial_row_{place}"


def _is_row(node: Any, made: Mapping[str, Any], constants: Mapping[str, Array], columns: int) -> bool:
    """Whether the target is computed as the batch of the same value and the rest, as exporters do it."""
    target = made.get(node.input[1])
    if target is None or target.op_type != "Concat" or len(target.input) != 2:
        return False
    first, rest = made.get(target.input[0]), constants.get(target.input[1])
    if first is None or rest is None or rest.tolist() not in ([-1], [columns]):
        return False
    shape = made.get(first.input[0])
    if shape is None or shape.op_type != "Shape" or shape.attribute or shape.input[0] != node.input[0]:
        return False
    return first.op_type == "Slice" and reads_the_batch(first, constants)


def _without_dead(model: Any) -> None:
    """Takes out what nobody reads any more."""
    graph = model.graph
    while True:
        read = _read(graph)
        dead = [node for node in graph.node if not any(name in read for name in node.output)]
        if not dead:
            return
        for node in dead:
            graph.node.remove(node)


def _read(graph: Any) -> set[str]:
    """Every value that an operator, a body of a loop or the caller reads."""
    read = {each.name for each in graph.output}
    for node in graph.node:
        read |= set(node.input)
        for each in node.attribute:
            for body in (each.g, *each.graphs):
                read |= _read(body)
    return read


def _write(model: Any, constants: Mapping[str, Array]) -> None:
    onnx: Any = lazy.load("onnx", extra="onnx")
    graph = model.graph
    read = _read(graph)
    del graph.initializer[:]
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in constants.items()
        if name in read
    )
    del graph.value_info[:]  # sizes of before


CONVERTER = Converter(
    name="prune_onnx",
    summary="whole channels taken out, those of the smallest filters first",
    sources=("onnx",),
    target="onnx",
    extra="onnx",
    available=available,
    make=make,
    options=_OPTIONS,
)
