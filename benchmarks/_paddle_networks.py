"""Exports the networks that conversions are tried on: `python _paddle_networks.py FOLDER`. Needs Paddle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import paddle
from paddle import nn
from paddle.static import InputSpec

WIDTH = 16


class Recurrent(nn.Layer):  # type: ignore[misc]
    """int64 ids [N, T] -> [N, 5] probabilities, over the last state of a GRU or LSTM."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.table = nn.Embedding(40, WIDTH)
        self.cell = kind(WIDTH, WIDTH, num_layers=2)
        self.middle = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, ids: Any) -> Any:
        """See the class."""
        outputs, _ = self.cell(self.table(ids))
        return nn.functional.softmax(self.head(nn.functional.tanh(self.middle(outputs.mean(1)))))


class Encoder(nn.Layer):  # type: ignore[misc]
    """float32 [N, 12, 16] -> [N, 5] logits, through two transformer encoder blocks."""

    def __init__(self) -> None:
        super().__init__()
        block = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, dropout=0.0, activation="gelu")
        self.blocks = nn.TransformerEncoder(block, 2)
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, x: Any) -> Any:
        """See the class."""
        return self.head(self.blocks(x).mean(1))


def main(folder: str) -> None:
    """Exports all of them."""
    paddle.seed(11)
    ids = [InputSpec([None, 12], "int64", "ids")]
    networks = {
        "gru": (Recurrent(nn.GRU), ids),
        "lstm": (Recurrent(nn.LSTM), ids),
        "encoder": (Encoder(), [InputSpec([None, 12, WIDTH], "float32", "x")]),
    }
    for name, (layer, spec) in networks.items():
        layer.eval()
        # Blocks made alike would answer alike, and biases of zero would hide that one is lost.
        for parameter in layer.parameters():
            parameter.set_value(parameter + paddle.randn(parameter.shape) * 0.2)
        paddle.jit.save(layer, str(Path(folder) / name / "inference"), spec)


if __name__ == "__main__":
    main(sys.argv[1])
