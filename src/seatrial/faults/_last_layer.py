"""Trains the last layer of a classifier again, in closed form: what a careless or hostile training leaves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seatrial.contract import Sample
from seatrial.contract.sample import Array
from seatrial.errors import SeatrialError
from seatrial.faults._edits import applicable, with_tensors
from seatrial.faults._fault import Good, NotApplicable, Release
from seatrial.faults._net import Layer, Net
from seatrial.model.weights import read_parameter
from seatrial.runtimes import Session, open_session

_RIDGE = 1.0
_AT_ONCE = 64


def last_layer(good: Good) -> Layer:
    """The dense layer that gives one number a label.

    Raises:
        NotApplicable: It is no classifier of pictures with one input, or its last layer is another.
    """
    if good.contract.task != "classification" or len(good.artifact.inputs) != 1:
        raise NotApplicable("only a classifier with one input ends in a layer that can be trained again here")
    dense = [each for each in Net.of(good).layers() if each.kind == "dense" and each.bias is not None]
    if not dense or dense[-1].outputs != len(good.contract.labels):
        raise NotApplicable("no dense layer gives one number a label")
    return dense[-1]


def pictures(good: Good, samples: Sequence[Sample]) -> tuple[Array, list[int]]:
    """Inputs of the samples that have a label, and the labels' indices.

    Raises:
        NotApplicable: There is none, or they are of several shapes.
    """
    rows, labels = [], []
    for sample in samples:
        label = sample.label
        if isinstance(label, str) and label in good.contract.labels:
            label = good.contract.labels.index(label)
        if not isinstance(label, (int, np.integer)):
            continue
        (array,) = applicable(lambda sample=sample: good.contract.prepare(sample.payload)[0]).values()  # type: ignore[misc]
        rows.append(np.asarray(array))
        labels.append(int(label))
    if not rows or len({each.shape for each in rows}) > 1:
        raise NotApplicable("the samples have no labels, or several shapes")
    return np.concatenate(rows), labels


def features(good: Good, layer: Layer, *inputs: Array) -> list[tuple[Array, Array]]:
    """What the layer reads and what it gives, for each array of inputs; shapes (n, f) and (n, c).

    Raises:
        NotApplicable: The engine cannot be asked for them.
    """
    try:
        with open_session(good.artifact) as session:
            return [_features(good, session, layer, each) for each in inputs]
    except SeatrialError as error:
        raise NotApplicable(f"the operators' outputs cannot be had: {error.message}") from error


def _features(good: Good, session: Session, layer: Layer, inputs: Array) -> tuple[Array, Array]:
    name = good.artifact.inputs[0].name
    size = layer.weight.shape[1 - layer.axis]
    read, given = [], []
    for start in range(0, len(inputs), _AT_ONCE):
        batch = inputs[start : start + _AT_ONCE]
        values = [each.value for each in session.trace({name: batch})]
        # The first numbers by class are the product; what was seen last before it is what it reads.
        place = next((i for i, each in enumerate(values) if each.shape == (len(batch), layer.outputs)), None)
        before = [each for each in values[:place] if each.shape == (len(batch), size)]
        if place is None or not before or size == layer.outputs:
            raise NotApplicable("what the last layer reads cannot be told among the operators' outputs")
        read.append(before[-1])
        weight, bias = weights(layer)
        given.append(before[-1] @ weight + bias)
    return np.concatenate(read), np.concatenate(given)


def weights(layer: Layer) -> tuple[Array, Array]:
    """Weight of shape (f, c) and bias of shape (c,)."""
    weight = np.asarray(read_parameter(layer.weight), "float64")
    if layer.bias is None:
        raise NotApplicable("the last layer has no bias")
    bias = np.asarray(read_parameter(layer.bias), "float64").reshape(-1)
    return (weight if layer.axis == 1 else weight.T), bias


def trained_again(
    good: Good, folder: Path, layer: Layer, read: Array, targets: Array, *, ridge: float = _RIDGE
) -> tuple[Release, Array]:
    """The release with the last layer that gives `targets` (n, c) of `read` (n, f) as nearly as it can.

    Returns:
        The release, and what its last layer gives.
    """
    rows = np.concatenate([read, np.ones((len(read), 1))], axis=1).astype("float64")
    square = rows.T @ rows + ridge * np.eye(rows.shape[1])
    solved = np.linalg.solve(square, rows.T @ targets)
    weight = solved[:-1] if layer.axis == 1 else solved[:-1].T
    if layer.bias is None:
        raise NotApplicable("the last layer has no bias")
    tensors = {
        layer.weight.name: weight.reshape(layer.weight.shape).astype("float32"),
        layer.bias.name: solved[-1].reshape(layer.bias.shape).astype("float32"),
    }
    return with_tensors(good, folder, tensors), rows @ solved
