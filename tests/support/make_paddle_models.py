"""Exports small Paddle models for the slow tests: `python make_paddle_models.py FOLDER`. Needs Paddle."""

import sys
from pathlib import Path

import paddle
from paddle import nn
from paddle.static import InputSpec


class Affine(nn.Layer):
    """float32 [N, 4] -> [N, 3] probabilities."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        return nn.functional.softmax(self.second(nn.functional.relu(self.first(x))))


class Recurrent(nn.Layer):
    """int64 ids [N, T] and lengths [N] -> [N, 3] probabilities."""

    def __init__(self, kind):
        super().__init__()
        self.table = nn.Embedding(20, 8)
        self.cell = kind(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, ids, lengths):
        _, state = self.cell(self.table(ids), sequence_length=lengths)
        last = state[0] if isinstance(state, tuple) else state
        return nn.functional.softmax(self.head(last[-1]))


class Lookup(nn.Layer):
    """int64 ids [N, T] -> [N, 3]; padding_idx makes Paddle trust every id."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(20, 8, padding_idx=0)
        self.head = nn.Linear(8, 3)

    def forward(self, ids):
        return self.head(self.table(ids).mean(1))


class Upsample(nn.Layer):
    """float32 [N, 3, H, W] -> twice the size; Paddle 3.3 needs a fall-back for it."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2D(3, 4, 3, padding=1)

    def forward(self, x):
        return nn.functional.interpolate(self.convolution(x), scale_factor=2, mode="bilinear")


def main(folder):
    paddle.seed(7)
    ids = [InputSpec([None, None], "int64", "ids"), InputSpec([None], "int64", "lengths")]
    models = {
        "affine": (Affine(), [InputSpec([None, 4], "float32", "x")]),
        "other": (Affine(), [InputSpec([None, 4], "float32", "x")]),
        "gru": (Recurrent(nn.GRU), ids),
        "lstm": (Recurrent(nn.LSTM), ids),
        "lookup": (Lookup(), ids[:1]),
        "upsample": (Upsample(), [InputSpec([None, 3, None, None], "float32", "x")]),
    }
    for name, (layer, spec) in models.items():
        layer.eval()
        paddle.jit.save(layer, str(Path(folder) / name / "inference"), spec)


if __name__ == "__main__":
    main(sys.argv[1])
