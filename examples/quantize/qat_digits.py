"""Quantization-aware training of the digits model: a script for `seatrial quantize --mode qat --finetune`.

It is called with --model, --data, --out and --seed, trains, and leaves one model in the folder that --out
names. Weights are rounded while it trains as the quantizer will round them (7 bits, a scale for each
channel), and each activation learns the range that it keeps; gradients pass the rounding as if it were not
there (straight-through, Bengio 2013; learned ranges as in PACT, Choi 2018). What is left is a float model
whose ranges are part of its graph; Seatrial makes the integers and judges them on samples that this script
never saw.

    seatrial quantize model --mode qat --finetune examples/quantize/qat_digits.py \
        --data members.npz --held-out held_out.npz
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.static import InputSpec

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "digits"))
from train import DigitsNet, train

WEIGHTS, ACTIVATIONS = 64, 255  # steps: 7 bits with a sign, 8 bits without


def straight_through(rounded: Any, smooth: Any) -> Any:
    """The rounded value forward, the smooth one's gradient backward."""
    return smooth + (rounded - smooth).detach()


class RoundedWeights(nn.Layer):
    """A convolution or a product whose weights are what their integers will be."""

    def __init__(self, weight: Any, bias: Any, *, padding: int | None) -> None:
        super().__init__()
        self.weight = self.create_parameter(weight.shape, default_initializer=nn.initializer.Assign(weight))
        self.bias = self.create_parameter(bias.shape, default_initializer=nn.initializer.Assign(bias))
        self.padding = padding
        self.rounding = True

    def forward(self, x: Any) -> Any:
        """See the class; plain once `rounding` is off, for the export."""
        weight = self.rounded() if self.rounding else self.weight
        if self.padding is None:
            return nn.functional.linear(x, weight, self.bias)
        return nn.functional.conv2d(x, weight, self.bias, padding=self.padding)

    def rounded(self) -> Any:
        """The weights on the grid of each channel."""
        axes = [0] if self.padding is None else [1, 2, 3]
        step = self.weight.abs().max(axis=axes, keepdim=True).detach() / WEIGHTS + 1e-12
        return straight_through(paddle.round(self.weight / step) * step, self.weight)


class LearnedRange(nn.Layer):
    """A rectifier that also has a ceiling, and learns where: what is above is not worth a coarser grid."""

    def __init__(self, ceiling: float) -> None:
        super().__init__()
        self.ceiling = self.create_parameter([1], default_initializer=nn.initializer.Constant(ceiling))
        self.fixed = 0.0

    def forward(self, x: Any) -> Any:
        """See the class; a plain clip once `fixed` is set, for the export."""
        if self.fixed:
            return paddle.clip(x, 0.0, self.fixed)
        kept = paddle.minimum(nn.functional.relu(x), self.ceiling)
        step = self.ceiling.detach() / ACTIVATIONS
        return straight_through(paddle.round(kept / step) * step, kept)


class IntegerNet(nn.Layer):
    """The digits model with batch normalization folded in, ready to be trained in integers."""

    def __init__(self, net: DigitsNet, images: np.ndarray) -> None:
        super().__init__()
        conv1, norm1, _, conv2, norm2, _, pool, flat = net.features
        self.conv1 = RoundedWeights(*folded(conv1, norm1), padding=1)
        self.conv2 = RoundedWeights(*folded(conv2, norm2), padding=1)
        self.pool, self.flat = pool, flat
        first, last = net.head[0], net.head[3]
        self.first = RoundedWeights(first.weight.numpy(), first.bias.numpy(), padding=None)
        self.last = RoundedWeights(last.weight.numpy(), last.bias.numpy(), padding=None)
        self.ranges = nn.LayerList([LearnedRange(1e3) for _ in range(3)])
        self.start(images)

    def forward(self, x: Any) -> Any:
        """Images [N, 1, 8, 8] in [0, 1] -> probabilities [N, 10]."""
        x = self.ranges[0](self.conv1(x))
        x = self.flat(self.pool(self.ranges[1](self.conv2(x))))
        return nn.functional.softmax(self.last(self.ranges[2](self.first(x))))

    def start(self, images: np.ndarray) -> None:
        """Sets each ceiling to what 99.9 % of the values stay under."""
        x = paddle.to_tensor(images)
        x = nn.functional.relu(self.conv1(x))
        self.ranges[0].ceiling.set_value(paddle.quantile(x, 0.999).reshape([1]))
        x = nn.functional.relu(self.conv2(x))
        self.ranges[1].ceiling.set_value(paddle.quantile(x, 0.999).reshape([1]))
        x = nn.functional.relu(self.first(self.flat(self.pool(x))))
        self.ranges[2].ceiling.set_value(paddle.quantile(x, 0.999).reshape([1]))

    def settle(self) -> None:
        """Ends the training: ranges become part of the graph, rounding is left to the quantizer."""
        for each in self.ranges:
            each.fixed = each.ceiling.item()
        for layer in (self.conv1, self.conv2, self.first, self.last):
            layer.rounding = False


def folded(conv: Any, norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a convolution with the batch normalization behind it."""
    scale = norm.weight.numpy() / np.sqrt(norm._variance.numpy() + norm._epsilon)  # noqa: SLF001
    bias = conv.bias.numpy() - norm._mean.numpy()  # noqa: SLF001 - Paddle has no other name for them
    return conv.weight.numpy() * scale[:, None, None, None], bias * scale + norm.bias.numpy()


def tuned(net: IntegerNet, images: np.ndarray, labels: np.ndarray, *, seed: int, epochs: int) -> None:
    """Some more epochs, with everything rounded."""
    rng = np.random.default_rng(seed)
    optimizer = paddle.optimizer.Adam(2e-4, parameters=net.parameters())
    for epoch in range(epochs):
        order, total = rng.permutation(len(images)), 0.0
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            told = net(paddle.to_tensor(images[batch]))
            loss = nn.functional.nll_loss(paddle.log(told + 1e-9), paddle.to_tensor(labels[batch]))
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
            total += float(loss) * len(batch)
        print(f"epoch {epoch + 1} of {epochs}, loss in integers {total / len(order):.4f}", flush=True)


def main() -> None:
    """Trains and exports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)  # exported: trained anew below, in seconds
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    with np.load(arguments.data) as kept:
        images, labels = kept["image"], kept["label"]
    # A real script loads its checkpoint here. The digits model is the same every time it is trained.
    net = IntegerNet(train(arguments.seed, epochs=12), images)
    tuned(net, images, labels, seed=arguments.seed, epochs=arguments.epochs)
    net.settle()
    net.eval()
    image = InputSpec([None, 1, 8, 8], "float32", name="image")
    paddle.jit.save(net, str(arguments.out / "inference"), input_spec=[image])
    print("ceilings " + ", ".join(f"{each.fixed:.3f}" for each in net.ranges))


if __name__ == "__main__":
    main()
