"""Trains the digits model on the spot and writes it with its held-out set and contract.

Data: the UCI optical digits that come with scikit-learn (CC BY 4.0, E. Alpaydin and C. Kaynak, 1998).
Usage: python examples/digits/train.py OUT [--seed 7] [--epochs 12]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.static import InputSpec
from sklearn.datasets import load_digits


class DigitsNet(nn.Layer):
    """Two convolutions and two dense layers; 8x8 gray image in, ten probabilities out."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2D(1, 16, 3, padding=1), nn.BatchNorm2D(16), nn.ReLU(),
            nn.Conv2D(16, 32, 3, padding=1), nn.BatchNorm2D(32), nn.ReLU(),
            nn.MaxPool2D(2), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Linear(32 * 16, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))

    def forward(self, x: Any) -> Any:
        """Images [N, 1, 8, 8] in [0, 1] -> probabilities [N, 10]."""
        return nn.functional.softmax(self.head(self.features(x)))


def split(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train and held-out images (float32 [N, 1, 8, 8] in [0, 1]) and labels (int64)."""
    digits = load_digits()
    images = (digits.images / 16.0).astype("float32")[:, None]
    order = np.random.default_rng(seed).permutation(len(images))
    train, held_out = order[:1347], order[1347:]
    return images[train], digits.target[train], images[held_out], digits.target[held_out]


def train(seed: int, epochs: int) -> DigitsNet:
    """Trains for some seconds on the CPU."""
    paddle.seed(seed)
    rng = np.random.default_rng(seed)
    images, labels, _, _ = split(seed)
    net = DigitsNet()
    optimizer = paddle.optimizer.Adam(1e-3, parameters=net.parameters())
    for _ in range(epochs):
        order = rng.permutation(len(images))
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            probabilities = net(paddle.to_tensor(images[batch]))
            loss = nn.functional.nll_loss(paddle.log(probabilities + 1e-9), paddle.to_tensor(labels[batch]))
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
    net.eval()
    return net


def export(net: DigitsNet, out: Path, seed: int) -> None:
    """Writes model/, held_out.npz, contract.yaml and the training-side predictions."""
    (out / "model").mkdir(parents=True, exist_ok=True)
    image = InputSpec([None, 1, 8, 8], "float32", name="image")
    paddle.jit.save(net, str(out / "model" / "inference"), input_spec=[image])
    train_x, train_y, held_x, held_y = split(seed)
    np.savez(out / "held_out.npz", image=held_x, label=held_y)
    np.savez(out / "members.npz", image=train_x, label=train_y)
    predictions = net(paddle.to_tensor(held_x)).numpy()
    np.savez(out / "training_side.npz", probabilities=predictions)
    print(json.dumps({"held_out": len(held_y), "accuracy": float((predictions.argmax(1) == held_y).mean())}))


def main() -> None:
    """Trains and exports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    export(train(arguments.seed, arguments.epochs), arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
