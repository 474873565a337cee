"""Paddle Inference of 64-bit ARM, beside the emulated processor of `arm64`."""

from __future__ import annotations

from pathlib import Path

from seatrial.tools import arm64
from seatrial.tools._tool import Found, Tool, side_folder

# The newest that PaddlePaddle publishes for this processor and Python 3.11.
PADDLE = "3.2.2"

# Its own numpy: what pip finds for it must not be mixed with that of ONNX Runtime. The folder appears whole.
_RECIPE = f"""\
[ -x "$SIDE/arm64/sysroot/usr/bin/python3.11" ] || {{
  echo "this stands on another tool: seatrial doctor arm64 | sh -eu" >&2
  exit 1
}}
NEW="$SIDE/arm64-paddle.new"
rm -rf "$NEW"
echo "getting Paddle of ARM64"
"${{PYTHON:-python3}}" -m pip install -q --target "$NEW" {arm64.WHEELS} \\
  paddlepaddle=={PADDLE} setuptools
rm -rf "$NEW/paddle/include" "$NEW/bin"
rm -rf "$SIDE/arm64-paddle"
mv "$NEW" "$SIDE/arm64-paddle"
{arm64.proof("paddle", "$SIDE/arm64-paddle")}"""


def site() -> Path:
    """Where Paddle and what it needs are."""
    return side_folder() / "arm64-paddle"


def _find() -> Found | None:
    there = arm64.python_line() is not None and (site() / "paddle").is_dir()
    return Found(site(), PADDLE) if there else None


TOOL = Tool(
    name="arm64-paddle",
    summary="Paddle Inference on the emulated 64-bit ARM",
    find=_find,
    recipe=_RECIPE,
    size="461 MB",
    license="Apache-2.0 (PaddlePaddle) and those of what it needs",
)
