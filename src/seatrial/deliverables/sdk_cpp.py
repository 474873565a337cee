"""The model for C++ programs: the contract's steps as readable source, in process and as an HTTP client."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._sdk_cpp import emit, readme, sources, unicode_tables
from seatrial.text import Text

FOLDER = "sdk/cpp"

_ANSWERS = {"text-classification": "classification"}  # tasks whose answers look alike
_SAMPLES = ("single", "batch", "threads", "http_client")
_TYPES = {".cpp": "text/x-c++src", ".hpp": "text/x-c++hdr", ".md": "text/markdown"}


def sdk_files(contract: Contract, name: str, version: str) -> dict[str, str]:
    """The SDK of a contract: text by path in its folder, sorted.

    Args:
        contract: Of the model; only the steps that it uses are copied.
        name: Of the model.
        version: Of the bundle.

    Raises:
        UnsupportedModel: A step or a number type has no form in C++; the message names it.
    """
    steps = emit.step_names(contract)
    library = sources.library_files(steps, more=("model.hpp", "client.hpp"))
    answer = _ANSWERS.get(contract.task, contract.task).replace("-", "_")
    files = {f"seatrial/{each}": sources.read(f"seatrial/{each}") for each in library}
    files |= {f"samples/{each}.cpp": sources.read(f"samples/{each}.cpp") for each in _SAMPLES}
    files |= {each: sources.read(each) for each in ("CMakeLists.txt", "Makefile", "golden_test.cpp")}
    files["seatrial/answer.hpp"] = sources.read(f"answers/{answer}.hpp")
    files["seatrial/pipeline.cpp"] = emit.pipeline_source(contract, name, version)
    files["seatrial/names.cpp"] = emit.names_source(contract)
    if "unicode.hpp" in library:
        files["seatrial/unicode_tables.cpp"] = unicode_tables.tables_source()
    files["README.md"] = readme.readme(contract, name, version)
    return dict(sorted(files.items()))


def _make(handover: Handover) -> Iterator[Item]:
    for path, content in sdk_files(handover.contract, handover.name, handover.version).items():
        suffix = path[path.rfind(".") :] if "." in path else ""
        yield Item(f"{FOLDER}/{path}", "sdk", content.encode(), _TYPES.get(suffix, "text/plain"))


DELIVERABLE = Deliverable(
    name="sdk_cpp",
    order=72,
    summary=Text(
        "C++ source: pre- and postprocessing, in process or by HTTP",
        "C++ 源码 SDK：预处理与后处理，进程内推理或 HTTP 调用",
    ),
    make=_make,
)
