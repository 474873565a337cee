"""PyTorch modules to TorchScript, which records their inputs beside the code (M20)."""

from __future__ import annotations

from seatrial.converters._from_torch import converter

CONVERTER = converter(
    "torch_module_to_torchscript",
    "torch.jit: traced, and compiled where a trace would freeze a decision",
    ("torch-module",),
    "torchscript",
)
