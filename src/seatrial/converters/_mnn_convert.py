"""MNN's converter, as a program: `python -I _mnn_convert.py REQUEST ANSWER`, in an environment that has it.

Only the compiled part is called: the Python part around it installs a package when it is imported and
reports what is converted to its maker.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

_MEMORY = 16 << 30


def main(arguments: list[str]) -> None:
    """Converts as the request says; the answer says nothing more than that it came to the end."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = json.loads(Path(arguments[0]).read_text("utf-8"))
    tools: Any = importlib.import_module("_tools")
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    os.chdir(Path(arguments[1]).parent)  # what it leaves beside is gone with the scratch folder
    command = ["mnnconvert", "-f", "ONNX", "--modelFile", request["graph"], "--MNNModel", request["out"]]
    tools.mnnconvert([*command, "--bizCode", request["maker"], *request["switches"]])
    Path(arguments[1]).write_text("{}", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
