"""Classes with checkpoints, written by hand: no framework is needed to make them."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np

_CODE = {
    "paddle": """from paddle import nn


class Affine(nn.Layer):
    def __init__(self, hidden=8):
        super().__init__()
        self.first, self.second = nn.Linear(4, hidden), nn.Linear(hidden, 3)
        self.active, self.scores = nn.ReLU(), nn.Softmax()

    def forward(self, x):
        return self.scores(self.second(self.active(self.first(x))))
""",
    "torch": """from torch import nn


class Affine(nn.Module):
    def __init__(self, hidden=8):
        super().__init__()
        self.first, self.second = nn.Linear(4, hidden), nn.Linear(hidden, 3)
        self.active, self.scores = nn.ReLU(), nn.Softmax(1)

    def forward(self, x):
        return self.scores(self.second(self.active(self.first(x))))
""",
}


def weights(w1: np.ndarray, w2: np.ndarray, framework: str) -> dict[str, np.ndarray]:
    """By their names in the class; PyTorch keeps them transposed."""
    turned = (lambda each: np.ascontiguousarray(each.T)) if framework == "torch" else np.ascontiguousarray
    return {
        "first.weight": turned(w1),
        "first.bias": np.zeros(w1.shape[1], "float32"),
        "second.weight": turned(w2),
        "second.bias": np.zeros(w2.shape[1], "float32"),
    }


def safetensors(arrays: dict[str, np.ndarray]) -> bytes:
    """Little-endian length, JSON header, values."""
    kinds = {"float32": "F32", "int64": "I64"}
    header, start = {}, 0
    for name, each in arrays.items():
        end = start + each.nbytes
        header[name] = {
            "dtype": kinds[each.dtype.name],
            "shape": list(each.shape),
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(each.tobytes() for each in arrays.values())


def affine(framework: str, folder: Path, w1: np.ndarray, w2: np.ndarray, **changes: object) -> Path:
    """softmax(relu(x @ w1) @ w2) as a class with its checkpoint; the `.source.yaml` of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "affine_net.py").write_text(_CODE[framework], "utf-8")
    arrays = weights(w1, w2, framework)
    if framework == "paddle":
        (folder / "affine.pdparams").write_bytes(pickle.dumps(arrays, protocol=4))
    else:
        (folder / "affine.safetensors").write_bytes(safetensors(arrays))
    told = {
        "source": "seatrial/source/1",
        "framework": framework,
        "code": "affine_net.py",
        "class": "Affine",
        "weights": "affine.pdparams" if framework == "paddle" else "affine.safetensors",
        "inputs": [{"name": "x", "dtype": "float32", "shape": ["batch", 4]}],
        **changes,
    }
    path = folder / "affine.source.yaml"
    lines = [
        f"{key}: {value if isinstance(value, str) else json.dumps(value)}" for key, value in told.items()
    ]
    path.write_text("\n".join(line for line in lines if not line.endswith(": null")) + "\n", "utf-8")
    return path


def torch_zip(path: Path, content: object) -> Path:
    """A zip as `torch.save` writes it, around any pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
        archive.writestr("archive/version", "3\n")
    return path


class Touches:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.mkdir, (self.marker,)
