"""Another processor: Python and ONNX Runtime of 64-bit ARM, under qemu's user-mode emulation.

qemu is told to look for files in the unpacked Debian packages first (`-L`), so nothing has to be mounted.
"""

from __future__ import annotations

from pathlib import Path

from seatrial.tools._apt import APT
from seatrial.tools._emulators import emulator, recipe, shell
from seatrial.tools._tool import Found, Tool, side_folder

PROCESSOR = "aarch64"
# Every later one up to 1.31.1 dies of SIGSEGV while it is imported under qemu 7.2, whatever -cpu says.
ONNXRUNTIME = "1.27.0"
NUMPY = "2.4.6"
# What pip takes for a machine of this kind; Debian 12 has glibc 2.36.
WHEELS = (
    "--python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none --only-binary=:all:"
    " --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64"
    " --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64"
)


def proof(module: str, folder: str) -> str:
    """Shell lines that import a module over there: it runs, and later starts find it compiled."""
    return f"""\
echo "starting it once"
QEMU="{shell(PROCESSOR)}"
"$QEMU" -L "$SIDE/arm64/sysroot" "$SIDE/arm64/sysroot/usr/bin/python3.11" -I -c "
import sys, platform; sys.path.insert(0, sys.argv[1])
import {module} as it; print(it.__version__, 'on', platform.machine())" "{folder}"
"""


# The folder appears whole.
_RECIPE = f"""\
NEW="$SIDE/arm64.new"
rm -rf "$NEW"
mkdir -p "$NEW/sysroot" "$NEW/site"
{APT}{recipe(PROCESSOR)}echo "getting Python of ARM64"
apt_from deb bookworm arm64 update
apt_from deb bookworm arm64 install -y --download-only --no-install-recommends python3.11 libgomp1 libstdc++6
for each in "$NEW"/apt/cache/archives/*.deb; do dpkg-deb -x "$each" "$NEW/sysroot"; done
rm -rf "$NEW/apt"
(cd "$NEW/sysroot/usr/share" && rm -rf doc locale zoneinfo)
echo "getting ONNX Runtime of ARM64"
"${{PYTHON:-python3}}" -m pip install -q --target "$NEW/site" --no-deps {WHEELS} \\
  onnxruntime=={ONNXRUNTIME} numpy=={NUMPY}
rm -rf "$SIDE/arm64"
mv "$NEW" "$SIDE/arm64"
{proof("onnxruntime", "$SIDE/arm64/site")}"""


def python_line() -> tuple[str, ...] | None:
    """Starts CPython 3.11 of ARM64: emulator, options, interpreter; None when something of it is missing."""
    qemu, root = emulator(PROCESSOR), side_folder() / "arm64" / "sysroot"
    python = root / "usr" / "bin" / "python3.11"
    return (str(qemu), "-L", str(root), str(python)) if qemu is not None and python.is_file() else None


def site() -> Path:
    """Where ONNX Runtime and numpy of ARM64 are."""
    return side_folder() / "arm64" / "site"


def _find() -> Found | None:
    there = python_line() is not None and (site() / "onnxruntime").is_dir()
    return Found(side_folder() / "arm64", ONNXRUNTIME) if there else None


TOOL = Tool(
    name="arm64",
    summary="emulated 64-bit ARM with Python and ONNX Runtime: does that processor answer the same",
    find=_find,
    recipe=_RECIPE,
    size="200 MB",
    license="GPL-2.0 (qemu), PSF-2.0 (Python), MIT (ONNX Runtime), BSD-3-Clause (numpy), GPL-3.0 with the"
    " runtime exception and LGPL-2.1 (C and C++ libraries)",
)
