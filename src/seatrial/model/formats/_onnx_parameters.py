"""Gives every initializer of an ONNX model its bytes, and says what is wrong with them (`M02`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath

from seatrial.model.artifact import ModelFile, Parameter, Problem
from seatrial.model.formats._bytes import is_regular
from seatrial.model.formats._graph import problem
from seatrial.model.formats._onnx_tensor import HALF_BYTES, Tensor

MAX_REPORTED = 50


@dataclass(slots=True)
class Placed:
    """Parameters with their bytes, the files beside the graph, and defects.

    `elsewhere` names intact tensors that no file holds as plain bytes: text, sparse ones, integers in typed
    fields. They are no entries of `parameters`, whose bytes can be mapped or are missing.
    """

    parameters: list[Parameter] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    files: dict[Path, ModelFile] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    spans: dict[Path, list[tuple[int, int, str]]] = field(default_factory=dict)

    def say(self, code: str, message: str, where: str, hint: str) -> None:
        """Adds a defect, unless there are too many already."""
        if len(self.problems) < MAX_REPORTED:
            self.problems.append(problem(code, message, where, hint, room="weights"))


def place(tensors: list[Tensor], path: Path, base: memoryview) -> Placed:
    """Parameters of the model in `path`; `base` is the whole file, to know offsets."""
    placed = Placed()
    seen: set[str] = set()
    start = _address(base)
    for each in tensors:
        if each.name in seen:
            placed.say(
                "parameter-twice", f"'{each.name}' is there twice", path.name, "export the model again"
            )
            continue
        seen.add(each.name)
        found = _external(each, path, placed) if each.external else _inside(each, path, start, placed)
        if found is None:
            placed.elsewhere.append(each.name)
        else:
            placed.parameters.append(found)
    _overlaps(placed)
    return placed


def _address(view: memoryview) -> int:
    import numpy as np

    return int(np.frombuffer(view, dtype=np.uint8).__array_interface__["data"][0]) if len(view) else 0


def _inside(each: Tensor, path: Path, start: int, placed: Placed) -> Parameter | None:
    nowhere = Parameter(each.name, each.dtype, each.shape, None, 0, 0)
    if each.sparse or each.dtype == "string":
        return None
    if each.raw is None:
        wanted = _items(each)
        if each.typed != wanted:
            placed.say(
                "parameters-truncated",
                f"'{each.name}' has {each.typed:,} values, its shape {list(each.shape)} asks for {wanted:,}",
                f"{path.name}, tensor {each.name}",
                "export the model again; onnx.checker does not see this",
            )
            return nowhere
        return None
    if len(each.raw) != each.nbytes:
        placed.say(
            "parameters-truncated",
            f"'{each.name}' has {len(each.raw):,} bytes, {each.dtype} {list(each.shape)} asks for "
            f"{each.nbytes:,}",
            f"{path.name}, tensor {each.name}",
            "export the model again; onnx.checker does not see this",
        )
        return nowhere
    return Parameter(each.name, each.dtype, each.shape, path, _address(each.raw) - start, each.nbytes)


def _items(each: Tensor) -> int:
    items = prod(each.shape)
    # 4-bit values come two in an int32; complex ones as two floats.
    if each.dtype in HALF_BYTES:
        return (items + 1) // 2
    return items * 2 if each.dtype.startswith("complex") else items


def _external(each: Tensor, path: Path, placed: Placed) -> Parameter:
    """A tensor in another file: the path must stay inside the folder and the bytes must be there."""
    nowhere = Parameter(each.name, each.dtype, each.shape, None, 0, 0)
    entries = dict(each.external)
    location = entries.get("location", "")
    where = f"{path.name}, tensor {each.name}"
    file = _inside_folder(location, path)
    if file is None:
        placed.say(
            "external-data-escape",
            f"'{each.name}' points to '{location}', outside the model's folder",
            where,
            "do not run this model: it reads other files of the machine; export it again",
        )
        return nowhere
    if not is_regular(file):
        placed.say(
            "parameters-missing",
            f"'{each.name}' lies in '{location}', which is not there",
            where,
            "put the external data file of the same export beside the graph",
        )
        return nowhere
    size = file.stat().st_size
    placed.files.setdefault(file, ModelFile(file, "parameters", size))
    offset, length = _number(entries.get("offset"), 0), _number(entries.get("length"), each.nbytes)
    if offset is None or length is None or length != each.nbytes or offset + length > size:
        code = "parameters-truncated" if offset is not None and length == each.nbytes else "parameters-header"
        placed.say(
            code,
            f"'{each.name}' is said to be {length} bytes at {offset} of '{location}' ({size:,} bytes); "
            f"{each.dtype} {list(each.shape)} asks for {each.nbytes:,}",
            where,
            "copy the external data file again from the export and compare the sizes",
        )
        return nowhere
    placed.spans.setdefault(file, []).append((offset, length, each.name))
    return Parameter(each.name, each.dtype, each.shape, file, offset, length)


def _number(text: str | None, default: int) -> int | None:
    if text is None:
        return default
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _inside_folder(location: str, path: Path) -> Path | None:
    """The file a location means, or None when it leaves the folder (by `..`, a root, a drive or a link)."""
    if not location or "\0" in location or len(location) > 1024:
        return None
    if PureWindowsPath(location).is_absolute() or PurePosixPath(location).is_absolute() or "\\" in location:
        return None
    if ".." in PurePosixPath(location).parts or PureWindowsPath(location).drive:
        return None
    file = path.parent / location
    try:
        # A model store may link every file of a model into one of its own folders.
        homes = {path.parent.resolve(), path.resolve().parent}
        resolved = file.resolve()
    except (OSError, RuntimeError):
        return None
    return file if any(resolved.is_relative_to(home) for home in homes) else None


def _overlaps(placed: Placed) -> None:
    for file, spans in placed.spans.items():
        end, before, held = 0, "", (0, 0)
        for offset, length, name in sorted(spans):
            # Tied weights share the same span on purpose; half of one shared is damage.
            if length and offset < end and (offset, length) != held:
                placed.say(
                    "parameters-overlap",
                    f"'{name}' and '{before}' share bytes of {file.name}",
                    f"{file.name}, byte {offset:,}",
                    "export the model again",
                )
            if offset + length > end:
                end, before, held = offset + length, name, (offset, length)
