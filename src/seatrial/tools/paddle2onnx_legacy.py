"""paddle2onnx 1.3.1: what still writes sound ONNX from `.pdmodel`.

The 2.x line writes files from `.pdmodel` that no runtime loads (PP-OCRv4), and the two cannot stand in one
environment.
"""

from __future__ import annotations

from seatrial.tools._tool import Found, Tool, side_folder

VERSION = "1.3.1"


def _find() -> Found | None:
    folder = side_folder() / f"paddle2onnx-{VERSION}"
    return Found(folder, VERSION) if (folder / "paddle2onnx").is_dir() else None


TOOL = Tool(
    name="paddle2onnx-legacy",
    summary="converts Paddle 2 models (.pdmodel) to ONNX",
    find=_find,
    recipe=(
        f'"${{PYTHON:-python3}}" -m pip install --no-deps'
        f' --target "$SIDE/paddle2onnx-{VERSION}" paddle2onnx=={VERSION}'
    ),
    size="12 MB",
    license="Apache-2.0",
)
