"""Paddle Lite's optimiser, as a program: `python3.9 -I _paddlelite_opt.py REQUEST ANSWER`.

Runs in interpreters as old as Python 3.8 and needs nothing of Seatrial's. What the optimiser does not know
ends the process with SIGSEGV or SIGABRT.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

_MEMORY = 16 << 30


def main(arguments: list[str]) -> None:
    """Optimises as the request says and leaves the version of the optimiser."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = json.loads(Path(arguments[0]).read_text("utf-8"))
    lite: Any = importlib.import_module("paddlelite.lite")
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    opt = lite.Opt()
    opt.set_model_file(request["graph"])
    opt.set_param_file(request["weights"])
    opt.set_valid_places(request["target"])
    opt.set_model_type("naive_buffer")
    # It appends `.nb`.
    opt.set_optimize_out(request["out"])
    if request["quantize"]:
        opt.set_quant_model(True)
        opt.set_quant_type(request["quantize"])
    opt.run()
    Path(arguments[1]).write_text(json.dumps({"version": opt.version()}), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
