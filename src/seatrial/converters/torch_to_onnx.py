"""PyTorch modules with their checkpoints, TorchScript and exported programs to ONNX (M20)."""

from __future__ import annotations

from seatrial.converters._from_torch import converter

CONVERTER = converter(
    "torch_to_onnx",
    "torch.onnx in a child process, free dimensions by their names",
    ("torch-module", "torch-exported", "torchscript"),
    "onnx",
)
