"""ncnn, pnnx and MNN: engines for phones and small boards, and what converts to them.

pnnx says that it needs PyTorch; its program, which is what is used here, does not. MNN's own Python tools
install a package into whatever Python is first on the path as soon as they are imported, and report what is
converted to their maker: the recipe takes them out, and what does the work is called without them.
"""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.tools._tool import Found, Tool, side_folder

NCNN, PNNX, MNN = "1.0.20261020", "20261020", "3.6.1"
VARIABLE = "SEATRIAL_EDGE_PYTHON"


def _find() -> Found | None:
    named = os.environ.get(VARIABLE, "")
    if named:
        return Found(Path(named).absolute()) if Path(named).is_file() else None
    python = side_folder() / "edge" / "bin" / "python"
    return Found(python, f"ncnn {NCNN}, MNN {MNN}") if python.is_file() else None


TOOL = Tool(
    name="edge",
    summary="ncnn with pnnx, and MNN: makes and runs models for phones and small boards",
    find=_find,
    recipe=f"""\
rm -rf "$SIDE/edge.new"
"${{PYTHON:-python3}}" -m venv --without-pip "$SIDE/edge.new"
"${{PYTHON:-python3}}" -m pip --python "$SIDE/edge.new/bin/python" install -q --no-deps --only-binary=:all: \\
  ncnn=={NCNN} pnnx=={PNNX} MNN=={MNN} numpy tqdm requests portalocker urllib3 idna certifi charset-normalizer
rm -r "$SIDE"/edge.new/lib/python3*/site-packages/MNN/tools
rm -rf "$SIDE/edge"
mv "$SIDE/edge.new" "$SIDE/edge"
""",
    size="260 MB",
    license="BSD-3-Clause (ncnn, pnnx), Apache-2.0 (MNN)",
    variable=VARIABLE,
)
