"""The operators that the installed engines know, as `src/seatrial/model/formats/_known` lists them."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

# Registered under names that the binary puts together at run time.
_PIR_MORE = [
    "assert",
    "data",
    "feed",
    "fetch",
    "has_elements",
    "if",
    "increment_",
    "pylayer",
    "select_input",
    "shadow_output",
    "while",
]
_PIR_DIALECTS = [
    "builtin.combine",
    "builtin.constant",
    "builtin.shadow_output",
    "builtin.set_parameter",
    "builtin.slice",
    "builtin.split",
    "cf.condition",
    "cf.stack_create",
    "cf.tuple_pop",
    "cf.tuple_push",
    "cf.yield",
    "pd_dist.reshard",
    "pd_dist.shard_tensor",
]
# Standard operators newer than the onnx package that is installed, with their opset (ONNX changelog).
_ONNX_MORE = {
    "Attention": 23,
    "RMSNormalization": 23,
    "RotaryEmbedding": 23,
    "Swish": 24,
    "TensorScatter": 24,
}

_ASK_PADDLE = """
import warnings; warnings.filterwarnings("ignore")
import paddle
from paddle.base import core, libpaddle
for name in core.get_all_op_names(): print("program", name)
for name in dir(libpaddle.pir.ops): print("pir", name)
"""


def paddle() -> dict[str, str]:
    """Texts of `paddle-pir.txt` and `paddle-program.txt`."""
    asked = subprocess.run([sys.executable, "-c", _ASK_PADDLE], check=True, capture_output=True, text=True)
    pairs = [line.split(" ", 1) for line in asked.stdout.splitlines() if " " in line]
    program = {name for kind, name in pairs if kind == "program"}
    pir = {name for kind, name in pairs if kind == "pir" and not name.startswith("_")}
    binary = Path(find_spec("paddle").origin).parent / "base" / "libpaddle.so"
    pir |= {name.decode() for name in re.findall(rb"pd_op\.([a-z][a-z0-9_]*)\x00", binary.read_bytes())}
    head = f"# paddlepaddle {metadata.version('paddlepaddle')}\n"
    return {
        "paddle-pir": head + "\n".join(sorted({*pir, *_PIR_MORE, *_PIR_DIALECTS})) + "\n",
        "paddle-program": head + "\n".join(sorted(program)) + "\n",
    }


def onnx() -> dict[str, str]:
    """Text of `onnx.txt`: names and the opset that brought each."""
    import onnx

    since: dict[str, int] = dict(_ONNX_MORE)
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            since[schema.name] = min(since.get(schema.name, 1000), schema.since_version)
    head = f"# onnx {metadata.version('onnx')}\n"
    return {"onnx": head + "".join(f"{name} {version}\n" for name, version in sorted(since.items()))}
