"""pnnx, as a program: `python -I _pnnx.py REQUEST ANSWER`, in an environment that has it.

It writes ten files beside the model that it is given; the model is therefore linked into the scratch folder
and two of them are kept.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Converts as the request says; what ends pnnx ends this program too."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request, answer = json.loads(Path(arguments[0]).read_text("utf-8")), Path(arguments[1])
    scratch = answer.parent / "pnnx"
    scratch.mkdir()
    (scratch / "model.onnx").symlink_to(request["graph"])
    found = importlib.util.find_spec("pnnx")
    home = Path(next(iter(found.submodule_search_locations or []))) if found else scratch
    command = [str(home / "pnnx"), "model.onnx", *request["switches"]]
    done = subprocess.run(command, cwd=scratch, check=False)  # noqa: S603 - of the environment we run in
    if done.returncode < 0:
        signal.signal(-done.returncode, signal.SIG_DFL)
        os.kill(os.getpid(), -done.returncode)
    made = [scratch / "model.ncnn.param", scratch / "model.ncnn.bin"]
    if done.returncode or not all(each.is_file() for each in made):
        sys.exit(done.returncode or 1)
    for each in made:
        shutil.copyfile(each, Path(request["folder"]) / each.name)
    answer.write_text("{}", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
