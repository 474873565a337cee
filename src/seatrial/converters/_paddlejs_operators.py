"""How each operator of Paddle becomes one of Paddle.js 2.2 with the WebGL backend 1.2.9.

What is not here is refused. What is here was compared in a browser; beside each repair stands what Paddle.js
does without it. It draws what it does not understand without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor, prod

import numpy as np

from seatrial.contract.sample import Array
from seatrial.converters._paddlejs_graph import Node, Program, Shape

Rule = Callable[[Program, Node], None]


def _conv2d(program: Program, node: Node) -> None:
    source, weights = node.slot("Input"), program.constant(node.slot("Filter"))
    if weights is None:
        raise node.refused("has a filter that is computed")
    if node.get("data_format", "NCHW") not in ("NCHW", "AnyLayout"):
        raise node.refused(f"is in {node.get('data_format')}, expected NCHW")
    if node.slots("Bias") or node.get("fuse_activation", ""):
        raise node.refused("is fused with a bias or an activation: export the model without optimization")
    batch, _, *size = program.shape(source)
    strides, dilations = _pair(node.get("strides", (1, 1))), _pair(node.get("dilations", (1, 1)))
    span = [(kernel - 1) * step + 1 for kernel, step in zip(weights.shape[2:], dilations, strict=True)]
    before, after = _padding(node, size, span, strides)
    out = [(size[axis] + before[axis] + after[axis] - span[axis]) // strides[axis] + 1 for axis in (0, 1)]
    program.emit(
        node.operator.type,
        {"Input": program.taken(source), "Filter": program.weight(weights)},
        node.output(),
        (batch, weights.shape[0], *out),
        strides=strides,
        # Only what lies before is asked for; what lies after follows from the shape of the output.
        paddings=before,
        dilations=dilations,
        groups=int(node.get("groups", 1)),
        # Left out, its shader does not compile.
        fuse_relu=False,
    )


def _pair(values: Sequence[int]) -> list[int]:
    return [int(values[0]), int(values[-1])]


def _padding(
    node: Node, size: Sequence[int], span: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Padding before and after, of height and width."""
    algorithm = node.get("padding_algorithm", "EXPLICIT")
    if algorithm == "VALID":
        return [0, 0], [0, 0]
    if algorithm == "SAME":
        total = [
            max((ceil(size[axis] / strides[axis]) - 1) * strides[axis] + span[axis] - size[axis], 0)
            for axis in (0, 1)
        ]
        before = [each // 2 for each in total]
        return before, [total[axis] - before[axis] for axis in (0, 1)]
    given = [int(each) for each in node.get("paddings", (0, 0))]
    if len(given) == 4:
        return [given[0], given[2]], [given[1], given[3]]
    return _pair(given), _pair(given)


def _batch_norm(program: Program, node: Node) -> None:
    source = node.slot("X")
    if len(program.shape(source)) != 4 or node.get("data_layout", "NCHW") not in ("NCHW", "AnyLayout"):
        raise node.refused("is not over the channels of an image")
    slots = {slot: program.taken(node.slot(slot)) for slot in ("Scale", "Bias", "Mean", "Variance")}
    # Its other outputs are left out: they have no shape, and Paddle.js reduces over it.
    program.emit(
        "batchnorm",
        {"X": program.taken(source), **slots},
        node.output(),
        program.shape(source),
        epsilon=float(node.get("epsilon", 1e-5)),
    )


def _pool2d(program: Program, node: Node) -> None:
    source = node.slot("X")
    batch, channels, *size = program.shape(source)
    ksize, strides = _pair(node.get("ksize", (1, 1))), _pair(node.get("strides", (1, 1)))
    before, after = _padding(node, size, ksize, strides)
    if node.get("global_pooling", False) or (node.get("adaptive", False) and ksize == [1, 1]):
        # As a window over everything: its own global pooling of maxima gives their places.
        ksize, strides, before, after = list(size), [1, 1], [0, 0], [0, 0]
    elif node.get("adaptive", False):
        raise node.refused("is adaptive to more than one cell")
    kind = node.get("pooling_type", "max")
    if kind == "avg" and any(before + after) and not node.get("exclusive", True):
        raise node.refused("counts the padding into the mean")
    rounded = ceil if node.get("ceil_mode", False) else floor
    out = [
        rounded((size[axis] + before[axis] + after[axis] - ksize[axis]) / strides[axis]) + 1
        for axis in (0, 1)
    ]
    program.emit(
        "pool2d",
        {"X": program.taken(source)},
        node.output(),
        (batch, channels, *out),
        pooling_type=kind,
        ksize=ksize,
        strides=strides,
        paddings=before,
        global_pooling=False,
        adaptive=False,
    )


def _activation(**defaults: float) -> Rule:
    """A function of each element."""

    def rule(program: Program, node: Node) -> None:
        source = node.slot("X")
        attributes = {name: float(node.get(name, default)) for name, default in defaults.items()}
        if "slope" in attributes and not all(attributes.values()):
            raise node.refused("has a slope or an offset of 0, for which Paddle.js takes its own")
        program.emit(
            node.operator.type,
            {"X": program.taken(source)},
            node.output(),
            program.shape(source),
            **attributes,
        )

    return rule


def _scale(program: Program, node: Node) -> None:
    source = node.slot("X")
    if node.slots("ScaleTensor"):
        raise node.refused("takes its scale from a tensor")
    scale, bias = float(node.get("scale", 1.0)), float(node.get("bias", 0.0))
    if not node.get("bias_after_scale", True):
        bias *= scale
    known = program.constant(source)
    if known is not None:
        program.set_constant(node.output(), known * scale + bias)
        return
    _scaled(program, source, node.output(), scale, bias)


def _scaled(program: Program, source: str, output: str, scale: float, bias: float) -> None:
    program.emit(
        "scale",
        {"X": program.taken(source)},
        output,
        program.shape(source),
        scale=scale,
        bias=bias,
        bias_after_scale=True,
    )


def _elementwise(program: Program, node: Node) -> None:
    left, right, kind = node.slot("X"), node.slot("Y"), node.operator.type
    known = program.constant(left), program.constant(right)
    axis = int(node.get("axis", -1))
    if known[0] is not None and known[1] is not None:
        program.set_constant(node.output(), _folded(kind, known[0], _aligned(known[1], known[0].shape, axis)))
        return
    if prod(program.shape(left)) < prod(program.shape(right)):
        if axis not in (-1, 0):
            raise node.refused("has its smaller side first")
        left, right, known = right, left, (known[1], known[0])
    if known[1] is not None and known[1].size == 1:
        value = float(known[1].reshape(()))
        factor, added = (value, 0.0) if kind == "elementwise_mul" else (1.0, value)
        _scaled(program, left, node.output(), factor, added)
        return
    inputs, axis = _sides(program, node, left, right, axis)
    program.emit(kind, inputs, node.output(), program.shape(left), axis=axis)


def _sides(
    program: Program, node: Node, left: str, right: str, axis: int
) -> tuple[dict[str, str | list[str]], int]:
    """Both sides as the shader reads them, and the axis."""
    shape, other = program.shape(left), program.shape(right)
    new = program.taken(left)
    if shape == other:
        return {"X": new, "Y": program.taken(right)}, -1
    full = _broadcast(other, shape, axis)
    if full is None:
        raise node.refused(f"takes {list(shape)} and {list(other)}")
    if full == shape:
        return {"X": new, "Y": program.reshaped(right, shape)}, -1
    channels_only = len(shape) == 4 and full == (1, shape[1], 1, 1)
    if node.operator.type == "elementwise_mul" and channels_only:
        # The product looks a channel up in four dimensions, the sum in one.
        return {"X": new, "Y": program.reshaped(right, full)}, -1
    if channels_only:
        return {"X": new, "Y": program.reshaped(right, (shape[1],))}, 1
    if full == (*(1,) * (len(shape) - 1), shape[-1]):
        return {"X": new, "Y": program.reshaped(right, (shape[-1],))}, len(shape) - 1
    raise node.refused(f"takes {list(shape)} and {list(other)}: only channels and last axes are repeated")


def _broadcast(other: Shape, shape: Shape, axis: int) -> Shape | None:
    """The smaller shape with ones, in all dimensions; None where it does not fit."""
    if len(other) == len(shape):
        full = other
    else:
        start = len(shape) - len(other) if axis == -1 else axis
        full = (*(1,) * start, *other, *(1,) * (len(shape) - start - len(other)))
    fits = len(full) == len(shape) and all(a in (1, b) for a, b in zip(full, shape, strict=True))
    return full if fits else None


def _aligned(value: Array, shape: Shape, axis: int) -> Array:
    full = _broadcast(value.shape, shape, axis)
    return value if full is None else value.reshape(full)


def _folded(kind: str, left: Array, right: Array) -> Array:
    return left * right if kind == "elementwise_mul" else left + right


def _matmul(program: Program, node: Node) -> None:
    left, right = node.slot("X"), node.slot("Y")
    if node.operator.type == "mul" and int(node.get("x_num_col_dims", 1)) != 1:
        raise node.refused("multiplies more than rows")
    turned = bool(node.get("trans_y", node.get("transpose_Y", False)))
    if node.get("trans_x", node.get("transpose_X", False)) or node.get("alpha", 1.0) != 1.0:
        raise node.refused("turns its first side, or scales")
    weights, shape = program.constant(right), program.shape(left)
    if weights is None or weights.ndim != 2:
        raise node.refused("is not by a matrix of weights")
    matrix = weights.T if turned else weights
    rows: Shape = (shape[0], prod(shape[1:])) if node.operator.type == "mul" else shape
    if len(rows) != 2:
        raise node.refused(f"takes {list(shape)}, expected rows")
    inputs: dict[str, str | list[str]] = {"X": program.reshaped(left, rows), "Y": program.weight(matrix)}
    program.emit("matmul_v2", inputs, node.output(), (rows[0], matrix.shape[1]), trans_x=False, trans_y=False)


def _reshape(program: Program, node: Node) -> None:
    source = node.slot("X")
    shape, given = program.shape(source), [int(each) for each in node.get("shape", ())]
    parts = [program.constant(each) for each in (*node.slots("Shape"), *node.slots("ShapeTensor"))]
    if parts:
        if any(each is None for each in parts):
            raise node.refused("takes its shape from what is computed")
        given = [int(number) for each in parts if each is not None for number in each.ravel()]
    target = [shape[axis] if size == 0 else size for axis, size in enumerate(given)]
    rest = prod(size for size in target if size != -1)
    new = tuple(prod(shape) // rest if size == -1 else size for size in target)
    _as_shape(program, node, source, new)


def _flatten(program: Program, node: Node) -> None:
    source = node.slot("X")
    shape = program.shape(source)
    start, stop = (
        int(node.get(f"{which}_axis", at)) % len(shape) for which, at in (("start", 1), ("stop", -1))
    )
    _as_shape(program, node, source, (*shape[:start], prod(shape[start : stop + 1]), *shape[stop + 1 :]))


def _as_shape(program: Program, node: Node, source: str, shape: Shape) -> None:
    known = program.constant(source)
    if known is not None:
        program.set_constant(node.output(), known.reshape(shape))
        return
    if prod(shape) != prod(program.shape(source)) or len(shape) > 4:
        raise node.refused(f"makes {list(shape)} of {list(program.shape(source))}")
    program.emit("reshape2", {"X": program.taken(source)}, node.output(), shape)


def _softmax(program: Program, node: Node) -> None:
    source = node.slot("X")
    shape = program.shape(source)
    axis = int(node.get("axis", -1)) % len(shape)
    if axis == len(shape) - 1:
        told = -1  # it counts a positive axis in four dimensions, whatever there are
    elif axis == 1 and len(shape) == 4:
        told = 1
    else:
        raise node.refused(f"is over axis {axis} of {list(shape)}")
    program.emit("softmax", {"X": program.taken(source)}, node.output(), shape, axis=told)


def _dropout(program: Program, node: Node) -> None:
    source = node.slot("X")
    if node.get("dropout_implementation", "downgrade_in_infer") == "upscale_in_train":
        program.same(node.output(), source)
        return
    _scaled(program, source, node.output(), 1.0 - float(node.get("dropout_prob", 0.5)), 0.0)


def _same(program: Program, node: Node) -> None:
    program.same(node.output(), node.slot("X"))


def _shape(program: Program, node: Node) -> None:
    program.set_constant(node.output(), np.array(program.shape(node.slot("Input")), "int64"))


def _slice(program: Program, node: Node) -> None:
    known = program.constant(node.slot("Input"))
    if known is None or node.slots("StartsTensor") or node.slots("EndsTensor"):
        raise node.refused("cuts what is computed")
    for axis, start, end in zip(node.get("axes"), node.get("starts"), node.get("ends"), strict=True):
        known = known.take(range(*slice(start, end).indices(known.shape[axis])), axis)
    dropped = tuple(node.get("decrease_axis", ()))
    kept = [size for axis, size in enumerate(known.shape) if axis not in dropped]
    program.set_constant(node.output(), known.reshape(kept or [1]))


def _fill(program: Program, node: Node) -> None:
    if node.slots("ShapeTensor") or node.slots("ShapeTensorList") or node.slots("ValueTensor"):
        raise node.refused("takes its shape or value from what is computed")
    value = float(node.get("str_value", "") or node.get("value", 0.0))
    program.set_constant(node.output(), np.full(node.get("shape", (1,)), value))


RULES: dict[str, Rule] = {
    "assign": _same,
    "batch_norm": _batch_norm,
    "conv2d": _conv2d,
    "depthwise_conv2d": _conv2d,
    "dropout": _dropout,
    "elementwise_add": _elementwise,
    "elementwise_mul": _elementwise,
    "fill_constant": _fill,
    "flatten_contiguous_range": _flatten,
    "hard_sigmoid": _activation(slope=0.2, offset=0.5),
    "hard_swish": _activation(threshold=6.0, scale=6.0, offset=3.0),
    "matmul_v2": _matmul,
    "max_pool2d_with_index": _pool2d,
    "mul": _matmul,
    "pool2d": _pool2d,
    "relu": _activation(),
    "relu6": _activation(threshold=6.0),
    "reshape2": _reshape,
    "scale": _scale,
    "shape": _shape,
    "sigmoid": _activation(),
    "slice": _slice,
    "softmax": _softmax,
}
