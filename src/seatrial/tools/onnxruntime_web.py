"""ONNX Runtime Web: what runs ONNX files in browsers."""

from __future__ import annotations

from seatrial.tools._tool import Found, Tool, side_folder

VERSION = "1.30.0"


def _find() -> Found | None:
    folder = side_folder() / "onnxruntime-web" / "node_modules" / "onnxruntime-web" / "dist"
    return Found(folder, VERSION) if (folder / "ort.wasm.min.mjs").is_file() else None


TOOL = Tool(
    name="onnxruntime-web",
    summary="ONNX Runtime for browsers: WebAssembly, WebGL, WebGPU",
    find=_find,
    # Its scripts would fetch what only Node needs.
    recipe=(
        "npm install --ignore-scripts --no-audit --no-fund"
        f' --prefix "$SIDE/onnxruntime-web" onnxruntime-web@{VERSION}'
    ),
    size="150 MB",
    license="MIT",
)
