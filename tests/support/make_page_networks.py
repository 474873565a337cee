"""Exports networks as Paddle 2 programs: `python make_page_networks.py FOLDER`. Needs Paddle.

`FLAGS_enable_pir_api=0` must be in the environment, or Paddle 3 writes its own format.
"""

import sys
from pathlib import Path

import paddle
from paddle import nn
from paddle.base.layer_helper import LayerHelper
from paddle.nn import functional
from paddle.static import InputSpec

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "digits"))
from train import train


class Squeeze(nn.Layer):
    """Weighs the channels of an image."""

    def __init__(self, channels):
        super().__init__()
        self.down, self.up = nn.Conv2D(channels, channels // 4, 1), nn.Conv2D(channels // 4, channels, 1)

    def forward(self, x):
        weights = functional.relu(self.down(functional.adaptive_avg_pool2d(x, 1)))
        return x * functional.hardsigmoid(self.up(weights))


class Block(nn.Layer):
    """Expands, looks around in each channel, squeezes, projects, and adds what came in."""

    def __init__(self, channels, wide, active):
        super().__init__()
        self.widen = nn.Sequential(nn.Conv2D(channels, wide, 1, bias_attr=False), nn.BatchNorm2D(wide))
        self.around = nn.Sequential(
            nn.Conv2D(wide, wide, 3, padding=1, groups=wide, bias_attr=False), nn.BatchNorm2D(wide)
        )
        self.squeeze = Squeeze(wide)
        self.narrow = nn.Sequential(nn.Conv2D(wide, channels, 1, bias_attr=False), nn.BatchNorm2D(channels))
        self.active = active

    def forward(self, x):
        inner = self.active(self.around(self.active(self.widen(x))))
        return x + self.narrow(self.squeeze(inner))


class Mobile(nn.Layer):
    """float32 [N, 3, 32, 32] -> [N, 10] probabilities, of the parts that mobile networks are made of."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2D(3, 16, 3, stride=2, padding="SAME"), nn.BatchNorm2D(16))
        self.first, self.second = Block(16, 32, functional.relu6), Block(16, 32, functional.hardswish)
        self.middle = nn.AvgPool2D(3, stride=2, padding=1)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        inner = self.middle(self.second(self.first(functional.hardswish(self.stem(x)))))
        pooled = functional.adaptive_max_pool2d(inner, 1) * 0.5 + functional.adaptive_avg_pool2d(inner, 1)
        return functional.softmax(self.head(pooled.flatten(1)))


def old(kind, inputs, x):
    """An operator that Paddle 3 no longer writes by itself."""
    helper = LayerHelper(kind)
    made = helper.create_variable_for_type_inference(x.dtype)
    helper.append_op(type=kind, inputs=inputs, outputs={"Out": made})
    return made


class Rows(nn.Layer):
    """float32 [N, 4] -> [N, 3] probabilities."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        hidden = old("mul", {"X": x, "Y": self.first.weight}, x) + self.first.bias
        return functional.softmax(self.second(old("sigmoid", {"X": hidden}, x) * 2 + 1))


class Erf(nn.Layer):
    """With an operator that Paddle.js does not have."""

    def forward(self, x):
        return functional.gelu(x)


def main(folder):
    paddle.seed(7)
    models = {
        "digits": (train(7, 2), [1, 8, 8]),
        "mobile": (Mobile(), [3, 32, 32]),
        "rows": (Rows(), [4]),
        "erf": (Erf(), [4]),
        "free": (Mobile(), [3, None, None]),
    }
    for name, (layer, shape) in models.items():
        if name == "mobile":
            for _ in range(4):  # statistics that are not those of nothing
                layer(paddle.randn([16, *shape]) * 2 + 0.5)
        layer.eval()
        spec = [InputSpec([None, *shape], "float32", "x")]
        paddle.jit.save(layer, str(Path(folder) / name / "inference"), spec)


if __name__ == "__main__":
    main(sys.argv[1])
