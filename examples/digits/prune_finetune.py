"""Trains on after pruning: `seatrial prune model --data held_out.npz --finetune THIS --train members.npz`.

Builds the digits net as narrow as the pruned model is, starts from what is left of its weights, and trains
for some seconds. Called as `prune_finetune.py --model PRUNED --data MEMBERS --out FOLDER --seed 7`; the model
is the pruned ONNX file, and FOLDER gets the trained one in Paddle's format.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import paddle
from onnx import numpy_helper
from paddle import nn
from paddle.static import InputSpec

EPOCHS = 15
WITH_WEIGHTS = ("Conv", "Add", "BatchNormalization", "MatMul")


def weights_of(path: Path) -> list[np.ndarray]:
    """The weights of the pruned model, in the order in which it uses them."""
    graph = onnx.load(str(path)).graph
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    nodes = [node for node in graph.node if node.op_type in WITH_WEIGHTS]
    return [arrays[name] for node in nodes for name in node.input if name in arrays]


def narrow_net(weights: list[np.ndarray]) -> nn.Layer:
    """The net of `train.py`, as wide as the weights are, with them in it."""
    first, second, rows, hidden = len(weights[0]), len(weights[6]), *weights[12].shape
    net = nn.Sequential(
        nn.Conv2D(1, first, 3, padding=1), nn.BatchNorm2D(first), nn.ReLU(),
        nn.Conv2D(first, second, 3, padding=1), nn.BatchNorm2D(second), nn.ReLU(),
        nn.MaxPool2D(2), nn.Flatten(),
        nn.Linear(rows, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, 10),
    )  # fmt: skip
    slots: list[Any] = []
    for layer in net:
        if isinstance(layer, nn.BatchNorm2D):
            slots += [layer.weight, layer.bias, layer._mean, layer._variance]  # noqa: SLF001 - Paddle's names
        elif isinstance(layer, nn.Conv2D | nn.Linear):
            slots += [layer.weight, layer.bias]
    for slot, array in zip(slots, weights, strict=True):
        slot.set_value(array.reshape(slot.shape))
    return net


def train(net: nn.Layer, images: np.ndarray, labels: np.ndarray, seed: int) -> None:
    """Some epochs with a small step."""
    paddle.seed(seed)
    rng = np.random.default_rng(seed)
    optimizer = paddle.optimizer.Adam(1e-3, parameters=net.parameters())
    for epoch in range(EPOCHS):
        total = 0.0
        order = rng.permutation(len(images))
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            logits = net(paddle.to_tensor(images[batch]))
            loss = nn.functional.cross_entropy(logits, paddle.to_tensor(labels[batch]))
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
            total += float(loss) * len(batch)
        print(f"epoch {epoch + 1}: loss {total / len(images):.4f}", flush=True)


def main() -> None:
    """Trains on and exports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    net = narrow_net(weights_of(arguments.model))
    with np.load(arguments.data) as data:
        train(net, data["image"].astype("float32"), data["label"].astype("int64"), arguments.seed)
    whole = nn.Sequential(net, nn.Softmax())
    whole.eval()
    image = InputSpec([None, 1, 8, 8], "float32", name="image")
    paddle.jit.save(whole, str(arguments.out / "inference"), input_spec=[image])


if __name__ == "__main__":
    main()
