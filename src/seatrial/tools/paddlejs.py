"""Paddle.js: what runs Paddle models in browsers without ONNX."""

from __future__ import annotations

from seatrial.tools._tool import Found, Tool, side_folder

CORE, WEBGL = "2.2.0", "1.2.9"


def _find() -> Found | None:
    folder = side_folder() / "paddlejs" / "node_modules" / "@paddlejs"
    parts = [folder / name / "lib" / "index.js" for name in ("paddlejs-core", "paddlejs-backend-webgl")]
    return Found(folder, CORE) if all(each.is_file() for each in parts) else None


TOOL = Tool(
    name="paddlejs",
    summary="Paddle.js and its WebGL backend",
    find=_find,
    recipe=(
        'npm install --ignore-scripts --no-audit --no-fund --prefix "$SIDE/paddlejs"'
        f" @paddlejs/paddlejs-core@{CORE} @paddlejs/paddlejs-backend-webgl@{WEBGL}"
    ),
    size="250 KB",
    license="ISC",
)
