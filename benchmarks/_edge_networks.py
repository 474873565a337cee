"""Exports a small MobileNet: `python _edge_networks.py paddle|torch FOLDER`. Needs Paddle, or PyTorch.

Weights are drawn, statistics of the normalisation too: answers are of no use, and differences between
formats are those of a trained network of this shape.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

CLASSES, SIDE, SEED = 20, 96, 5
# Channels and stride of each depthwise-separable block.
BLOCKS = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2))


def with_paddle(folder: Path) -> None:
    """MobileNetV2 at a quarter of its width; `.json`, or `.pdmodel` with FLAGS_enable_pir_api=0."""
    paddle: Any = importlib.import_module("paddle")
    models: Any = importlib.import_module("paddle.vision.models")
    paddle.seed(SEED)
    net = models.mobilenet_v2(scale=0.25, num_classes=CLASSES)
    for name, value in net.state_dict().items():
        if "_mean" in name or "_variance" in name:
            value.set_value(paddle.rand(value.shape) * 0.5 + (0.5 if "_variance" in name else 0.0))
    net.eval()
    spec = paddle.static.InputSpec([None, 3, SIDE, SIDE], "float32", "image")
    paddle.jit.save(net, str(folder / "inference"), [spec])


def with_torch(folder: Path) -> None:
    """Depthwise-separable blocks with ReLU6, as MobileNet has them; `.pt2`."""
    torch: Any = importlib.import_module("torch")
    nn: Any = importlib.import_module("torch.nn")
    torch.manual_seed(SEED)
    layers, last = [nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()], 8
    for width, stride in BLOCKS:
        layers += [nn.Conv2d(last, last, 3, stride, 1, groups=last, bias=False), nn.BatchNorm2d(last)]
        layers += [nn.ReLU6(), nn.Conv2d(last, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU6()]
        last = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, CLASSES)]
    net = nn.Sequential(*layers).eval()
    example = (torch.rand(2, 3, SIDE, SIDE),)
    program = torch.export.export(net, example, dynamic_shapes=({0: torch.export.Dim("batch")},))
    folder.mkdir(parents=True, exist_ok=True)
    torch.export.save(program, folder / "inference.pt2")


if __name__ == "__main__" and len(sys.argv) > 2:
    {"paddle": with_paddle, "torch": with_torch}[sys.argv[1]](Path(sys.argv[2]))
