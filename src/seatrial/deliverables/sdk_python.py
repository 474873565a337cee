"""The SDK for Python: the checks' own pre- and postprocessing, the model in process, a client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from seatrial.contract.labels import as_lines
from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._sdk_python.emit import pipeline_py
from seatrial.deliverables._sdk_python.sources import HERE, PACKAGE, vendored
from seatrial.text import Text

FOLDER = "sdk/python"
# Of each format: the module that runs it, and what that is called where packages are installed from.
_RUNTIMES = {
    "onnx": ("onnxruntime", "onnxruntime"),
    "paddle-json": ("paddle", "paddlepaddle"),
    "paddle-pdmodel": ("paddle", "paddlepaddle"),
    "openvino": ("openvino", "openvino"),
}
# What the steps import, by what it is called where packages are installed from.
_LIBRARIES = {"PIL": "pillow", "cv2": "opencv-python-headless", "pyclipper": "pyclipper"}


def _make(handover: Handover) -> Iterator[Item]:
    contract = handover.contract
    steps = {call.name for call in (*contract.preprocess.calls, *contract.postprocess.calls)}
    sources = vendored(steps)
    models = [(each.format, f"models/{each.format}/{each.graph.name}") for each in handover.models]
    sources["pipeline.py"] = pipeline_py(contract, handover.name, handover.version, models)
    for each in sorted((HERE / PACKAGE).glob("*.py")):
        sources[each.name] = each.read_text("utf-8")
    for path, text in sorted(sources.items()):
        yield _text(f"{PACKAGE}/{path}", text, "text/x-python")
    for what, names in (("labels", contract.labels), ("vocabulary", contract.vocabulary)):
        if names:
            yield Item(f"{FOLDER}/{PACKAGE}/{what}.txt", "sdk", as_lines(names), "text/plain")
    for program in sorted((HERE / "programs").glob("*.py")):
        yield _text(program.name, _filled(program.read_text("utf-8"), handover), "text/x-python")
    yield _text("README.md", _filled((HERE / "README.md").read_text("utf-8"), handover), "text/markdown")
    yield _text("requirements.txt", _requirements(handover, "\n".join(sources.values())), "text/plain")


def _text(path: str, text: str, kind: str) -> Item:
    return Item(f"{FOLDER}/{path}", "sdk", text.encode(), kind)


def _filled(text: str, handover: Handover) -> str:
    first = handover.vectors[0] if handover.vectors else None
    sample = f"{first.name}{first.suffix}" if first else "000.npy"
    shown = {"image": 'Path("picture.png").read_bytes()', "text": json.dumps("some text")}
    runtimes = [module for module, _ in _runtimes(handover)]
    return (
        text.replace("@SAMPLE@", sample)
        .replace("@RELEASE@", f"{handover.name} {handover.version}")
        .replace("@RUNTIMES@", ", ".join(runtimes))
        .replace("@PAYLOAD@", shown.get(first.kind if first else "", "array"))
    )


def _requirements(handover: Handover, sources: str) -> str:
    """What must be installed, in the versions that the report was made with."""
    installed = handover.report.environment.get("packages", {})
    imported = [
        name for module, name in _LIBRARIES.items() if re.search(rf"(import|from) {module}\b", sources)
    ]
    lines = ["# In the versions that the model was checked with."]
    lines += [_pinned(each, installed) for each in ("numpy", *imported)]
    for place, (_, each) in enumerate(_runtimes(handover)):
        lines.append(("# or: " if place else "") + _pinned(each, installed))
    return "\n".join(lines) + "\n"


def _runtimes(handover: Handover) -> list[tuple[str, str]]:
    known = [_RUNTIMES[each.format] for each in handover.models if each.format in _RUNTIMES]
    return list(dict.fromkeys(known))


def _pinned(name: str, installed: object) -> str:
    version = installed.get(name) if isinstance(installed, dict) else None
    return f"{name}=={version}" if version else name


DELIVERABLE = Deliverable(
    name="sdk_python",
    order=60,
    summary=Text("the SDK for Python programs", "Python 程序的 SDK"),
    make=_make,
)
