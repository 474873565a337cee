"""TorchScript: a zip with code as text and weights as raw files. Its pickle is looked at, never opened."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from pathlib import Path

from seatrial.contract.tensor import DTYPES, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, our_errors, size_of
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import Graph
from seatrial.model.formats._probe import load_json, member, printable, sequence, text
from seatrial.model.formats._torch_weights import parameters, read_entry
from seatrial.model.formats._zip import archive_of

MAX_CODE = 32 << 20
MAX_SPECS = 1 << 20
_SPECS = "/extra/seatrial.json"
_FORWARD = "def forward(self"
MAX_SIGNATURE = 4096
_ARGUMENT = re.compile(r"(\w+):\s*([\w.]+(?:\[[^\]]*\])?)")
_CALL = re.compile(r"\b(?:torch|ops\.\w+)\.(\w+)\(")


def sniff(path: Path) -> bool:
    """Whether the file is a zip with TorchScript code; its directory is read, nothing is unpacked."""
    if not head(path, 4).startswith(b"PK\x03\x04"):
        return False
    try:
        with archive_of(path) as archive:
            names = archive.namelist()
    except Garbled:
        # Cut off before its directory: the first entry still names what it was.
        return b"/code/" in head(path) or b"constants.pkl" in head(path)
    return any("/code/" in name for name in names) and any(name.endswith("/data.pkl") for name in names)


def read(path: Path) -> Artifact:
    """The artifact of a TorchScript file."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        with our_errors(path), archive_of(path) as archive:
            code = _code(archive)
            version = _version(archive)
            recorded = _recorded(archive)
            weights, problems = parameters(archive, path)
    except Garbled as error:
        return broken(path, error, format_name="torchscript", files=files)
    inputs, outputs = _signature(code)
    note = "by the signature of forward; dtypes and shapes are not recorded"
    if recorded and len(recorded) == len(inputs):
        inputs, note = recorded, "as seatrial recorded them"
    calls = Counter(_CALL.findall(code))
    graph = Graph(
        version=version,
        inputs=inputs,
        outputs=outputs,
        operators=tuple(
            Operator(f"{name}:{index}", name, {}, (), ())
            for name, times in sorted(calls.items())
            for index in range(times)
        ),
        metadata={"inputs and outputs": note},
    )
    return assemble(
        path, graph, format_name="torchscript", files=files, parameters=weights, problems=problems
    )


def _code(archive: zipfile.ZipFile) -> str:
    """The code of all modules, the outermost one last."""
    parts, total = [], 0
    entries = [
        each for each in archive.infolist() if "/code/" in each.filename and each.filename.endswith(".py")
    ]
    for entry in sorted(entries, key=lambda each: (-each.filename.count("/"), each.filename)):
        parts.append(read_entry(archive, entry, MAX_CODE - total).decode("utf-8", "backslashreplace"))
        total += len(parts[-1])
    return "\n".join(parts)


def _version(archive: zipfile.ZipFile) -> str:
    for entry in archive.infolist():
        if entry.filename.count("/") == 1 and entry.filename.endswith("/version"):
            text = read_entry(archive, entry, 64).decode("ascii", "replace").strip()
            return f"TorchScript {printable(text)[:20]}"
    return "TorchScript, version not recorded"


def _recorded(archive: zipfile.ZipFile) -> tuple[TensorSpec, ...]:
    """The inputs as the converter to TorchScript writes them beside the code; empty in other archives."""
    entry = next((each for each in archive.infolist() if each.filename.endswith(_SPECS)), None)
    if entry is None:
        return ()
    told = sequence(member(load_json(read_entry(archive, entry, MAX_SPECS)), "inputs", _SPECS), "inputs")
    found = []
    for each in told:
        name, dtype = (text(member(each, key, "an input"), key) for key in ("name", "dtype"))
        shape = sequence(member(each, "shape", "an input"), "shape")
        whole = all(size is None or (isinstance(size, int | str) and size is not True) for size in shape)
        if dtype not in DTYPES or not whole:
            raise Garbled(f"'{_SPECS}' has an input of dtype {dtype!r} and shape {str(shape)[:80]}")
        found.append(TensorSpec(name, dtype, tuple(shape)))
    return tuple(found)


def _signature(code: str) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs by the last `forward`, which is the outermost module's."""
    start = code.rfind(_FORWARD)
    if start < 0:
        return (), ()
    arguments, arrow, answer = code[start + len(_FORWARD) :][:MAX_SIGNATURE].partition(") -> ")
    if not arrow:
        return (), ()
    answer = answer.partition("\n")[0]
    inputs = [name for name, kind in _ARGUMENT.findall(arguments) if kind == "Tensor"]
    count = max(answer.count("Tensor"), 1)
    return (
        tuple(TensorSpec(name, "", ()) for name in inputs),
        tuple(TensorSpec(f"output_{index}", "", ()) for index in range(count)),
    )


FORMAT = Format(
    name="torchscript",
    summary="TorchScript: zip with code and weights",
    suffixes=(),
    sniff=sniff,
    read=read,
)
