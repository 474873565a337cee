"""PyTorch modules to exported programs (.pt2), which ExecuTorch takes (M20)."""

from __future__ import annotations

from seatrial.converters._from_torch import converter

CONVERTER = converter(
    "torch_module_to_torch_exported",
    "torch.export in a child process, free dimensions by their names",
    ("torch-module",),
    "torch-exported",
)
