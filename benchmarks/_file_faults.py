"""36 broken releases of the digits model, each one edit of its two files (facts: checks, section 2.1)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.model import Parameter, open_model

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Release:
    """The two files of a Paddle 3 model in memory; None means the file is missing."""

    graph: str | None
    params: bytes | None


@dataclass(frozen=True)
class Good:
    """A good release and where its tensors lie."""

    graph: str
    params: bytes
    tensors: Mapping[str, Parameter]

    @classmethod
    def read(cls, folder: Path) -> Good:
        """Reads inference.json and inference.pdiparams."""
        artifact = open_model(folder / "inference.json")
        graph = (folder / "inference.json").read_text("utf-8")
        params = (folder / "inference.pdiparams").read_bytes()
        return cls(graph, params, {each.name: each for each in artifact.parameters})

    def cut(self, params: bytes | None) -> Release:
        """With other parameter bytes."""
        return Release(self.graph, params)

    def weights(self, edits: Mapping[str, Callable[[Array], Array]]) -> Release:
        """With some tensors edited."""
        data = bytearray(self.params)
        for name, edit in edits.items():
            at = self.tensors[name]
            old = np.frombuffer(self.params, "<f4", at.nbytes // 4, at.offset).reshape(at.shape).copy()
            new = np.ascontiguousarray(edit(old), "<f4")
            data[at.offset : at.offset + at.nbytes] = new.tobytes()
        return self.cut(bytes(data))

    def bit(self, name: str, byte: int, bit: int) -> Release:
        """With one bit flipped."""
        data = bytearray(self.params)
        data[self.tensors[name].offset + byte] ^= 1 << bit
        return self.cut(bytes(data))

    def swapped(self, one: str, other: str) -> Release:
        """With two tensors of one shape exchanged."""
        a, b = self.tensors[one], self.tensors[other]
        data = bytearray(self.params)
        data[a.offset : a.offset + a.nbytes] = self.params[b.offset : b.offset + b.nbytes]
        data[b.offset : b.offset + b.nbytes] = self.params[a.offset : a.offset + a.nbytes]
        return self.cut(bytes(data))

    def without(self, name: str) -> Release:
        """With one tensor's record taken out."""
        start = self._record(name)
        at = self.tensors[name]
        return self.cut(self.params[:start] + self.params[at.offset + at.nbytes :])

    def _record(self, name: str) -> int:
        """Where a tensor's record starts: after the data of the tensor before it."""
        ends = [each.offset + each.nbytes for each in self.tensors.values()]
        return max((each for each in ends if each <= self.tensors[name].offset), default=0)

    def renamed(self, old: str, new: str) -> Release:
        """With one piece of the graph's text replaced."""
        if old not in self.graph:
            raise ValueError(f"'{old}' is not in the graph")
        return Release(self.graph.replace(old, new), self.params)

    def ops(self, edit: Callable[[list[Any]], None]) -> Release:
        """With the graph's operators edited."""
        graph = json.loads(self.graph)
        edit(graph["program"]["regions"][0]["blocks"][0]["ops"])
        return Release(json.dumps(graph, separators=(",", ":")), self.params)


def _attribute(op: Any, name: str) -> Any:
    return next(each["AT"] for each in op["A"] if isinstance(each, dict) and each.get("N") == name)


def _set(operator: str, place: int | None, **values: Any) -> Callable[[list[Any]], None]:
    def edit(ops: list[Any]) -> None:
        found = [each for each in ops if each["#"] == operator]
        for each in found if place is None else [found[place]]:
            for name, value in values.items():
                _attribute(each, name)["D"] = value

    return edit


def _no_padding(ops: list[Any]) -> None:
    for each in _attribute([op for op in ops if op["#"] == "1.conv2d"][1], "paddings")["D"]:
        each["D"] = 0


def _one_nan(array: Array) -> Array:
    array.flat[7] = np.nan
    return array


def _inf_first(array: Array) -> Array:
    array[0] = np.inf
    return array


def _half_dead(array: Array) -> Array:
    array[: len(array) // 2] = 0
    return array


def _swap_classes(array: Array) -> Array:
    return array[..., [1, 0, *range(2, array.shape[-1])]]


def _four_bits(array: Array) -> Array:
    step = np.abs(array).max() / 16
    return np.clip(np.round(array / step), -8, 7) * step


def _dims_lie(good: Good) -> Release:
    at = good.tensors["linear_0.b_0"]
    head = good.params[: at.offset]
    return good.cut(head[:-1] + bytes([head[-1] + 1]) + good.params[at.offset :])


FAULTS: Mapping[str, Callable[[Good, Good], Release]] = {
    "params cut in half": lambda g, _: g.cut(g.params[: len(g.params) // 2]),
    "params short by one byte": lambda g, _: g.cut(g.params[:-1]),
    "params empty": lambda g, _: g.cut(b""),
    "params missing": lambda g, _: g.cut(None),
    "params with trailing bytes": lambda g, _: g.cut(g.params + bytes(64)),
    "graph cut in half": lambda g, _: Release(g.graph[: len(g.graph) // 2], g.params),
    "graph empty": lambda g, _: Release("", g.params),
    "graph missing": lambda g, _: Release(None, g.params),
    "version from the future": lambda g, _: g.renamed('"version":3', '"version":99'),
    "wrong magic": lambda g, _: g.renamed('"magic":"pir"', '"magic":"abc"'),
    "exponent bit flip": lambda g, _: g.bit("conv2d_1.w_0", 4003, 6),
    "lowest mantissa bit flip": lambda g, _: g.bit("conv2d_1.w_0", 4000, 0),
    "sign flip": lambda g, _: g.bit("conv2d_1.w_0", 4003, 7),
    "BN mean and variance swapped": lambda g, _: g.swapped("batch_norm2d_1.w_1", "batch_norm2d_1.w_2"),
    "conv bias and BN bias swapped": lambda g, _: g.swapped("conv2d_1.b_0", "batch_norm2d_1.b_0"),
    "NaN in one weight": lambda g, _: g.weights({"conv2d_1.w_0": _one_nan}),
    "Inf in a bias": lambda g, _: g.weights({"linear_1.b_0": _inf_first}),
    "last layer all zero": lambda g, _: g.weights({"linear_1.w_0": lambda a: a * 0}),
    "half of the channels dead": lambda g, _: g.weights({"conv2d_1.w_0": _half_dead}),
    "negative BN variance": lambda g, _: g.weights({"batch_norm2d_1.w_2": lambda a: -a}),
    "dense layer transposed": lambda g, _: g.weights({"linear_1.w_0": lambda a: a.T.reshape(a.shape)}),
    "dims lie": lambda g, _: _dims_lie(g),
    "one tensor missing": lambda g, _: g.without("batch_norm2d_0.w_1"),
    "weights of another run": lambda g, other: g.cut(other.params),
    "dropout in train mode": lambda g, _: g.ops(_set("1.dropout", 0, is_test=False)),
    "BN in train mode": lambda g, _: g.ops(
        _set("1.batch_norm_", None, is_test=False, use_global_stats=False)
    ),
    "max pooling became average": lambda g, _: g.ops(_set("1.pool2d", 0, pooling_type="avg")),
    "padding lost": lambda g, _: g.ops(_no_padding),
    "input renamed": lambda g, _: g.renamed('"D":"image"', '"D":"x"'),
    "batch fixed at 1": lambda g, _: g.renamed("[-1,1,8,8]", "[1,1,8,8]"),
    "BN epsilon 0.1": lambda g, _: g.ops(_set("1.batch_norm_", 0, epsilon=0.1)),
    "operator unknown": lambda g, _: g.renamed('"#":"1.pool2d"', '"#":"1.pool2d_nope"'),
    "two classes swapped": lambda g, _: g.weights(
        {"linear_1.b_0": _swap_classes, "linear_1.w_0": _swap_classes}
    ),
    "fp16 overflow pair": lambda g, _: g.weights(
        {
            "linear_0.w_0": lambda a: a * 1e6,
            "linear_0.b_0": lambda a: a * 1e6,
            "linear_1.w_0": lambda a: a / 1e6,
        }
    ),
    "int8 with a bad scale": lambda g, _: g.weights({"linear_0.w_0": _four_bits}),
    "normalization folded wrongly": lambda g, _: g.weights({"conv2d_0.w_0": lambda a: a * 3}),
}


def write(release: Release, folder: Path, beside: Path) -> None:
    """Writes a release with the contract that lies beside the good one."""
    folder.mkdir(parents=True)
    if release.graph is not None:
        (folder / "inference.json").write_text(release.graph, "utf-8")
    if release.params is not None:
        (folder / "inference.pdiparams").write_bytes(release.params)
    shutil.copy(beside / "contract.yaml", folder / "contract.yaml")
