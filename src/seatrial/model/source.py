"""Writes the `*.source.yaml` of a class and its checkpoint: what makes an artifact of a training run."""

from __future__ import annotations

import ast
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seatrial.contract.tensor import DTYPES, Dimension, TensorSpec
from seatrial.errors import NotFound, UsageError
from seatrial.model.formats._source import FRAMEWORKS, SUFFIX, VERSION

_SPEC = re.compile(r"([^=\[\]]+)=(\w+)\[([^\[\]]*)\]")
_WORD = "write it as: --input image=float32[batch,3,224,224]"


@dataclass(frozen=True)
class SourceRequest:
    """What a person says about a class and its checkpoint.

    Attributes:
        model: `net.py:Digits`, or a TorchScript archive.
        inputs: `image=float32[batch,1,8,8]` each, in the order of forward's parameters.
        weights: Checkpoint; None for none.
        framework: `paddle` or `torch`; empty to see it from the code.
        arguments: `width=32` each: YAML values for the class.
        outputs: Their names.
    """

    model: str
    inputs: Sequence[str]
    weights: Path | None = None
    framework: str = ""
    arguments: Sequence[str] = field(default_factory=tuple)
    outputs: Sequence[str] = field(default_factory=tuple)


def names_code(model: Path | str) -> bool:
    """Whether a model is named as `FILE.py:CLASS`."""
    return bool(re.fullmatch(r".+\.py:[^/\\]+", str(model)))


def source_of(request: SourceRequest, folder: Path) -> Path:
    """Writes a `*.source.yaml` into a folder, with links to the code and the weights beside it.

    Modules that the code imports and that lie beside it are part of the source too.

    Args:
        request: What a person says.
        folder: An empty folder.

    Returns:
        The YAML file; `open_model` reads it.

    Raises:
        NotFound: The code or the weights are not there.
        UsageError: An input or an argument cannot be read, or the framework is not seen.
    """
    if not request.inputs:
        raise UsageError("the inputs of a class are not in its file", hint=_WORD)
    code, name, weights = _split(request)
    files = _with_siblings(code) if code else []
    framework = request.framework or _framework(files)
    data: dict[str, Any] = {"source": VERSION, "framework": framework}
    if code:
        data |= {"code": [each.name for each in files], "class": name}
        data |= {"arguments": dict(_argument(each) for each in request.arguments)}
    if weights:
        data["weights"] = weights.name
    data["inputs"] = [_as_data(input_spec(each)) for each in request.inputs]
    if request.outputs:
        data["outputs"] = list(request.outputs)
    for each in [*files, *([weights] if weights else [])]:
        (folder / each.name).symlink_to(each.resolve())
    target = folder / f"{(name or Path(request.model).stem).rpartition('.')[2].lower()}{SUFFIX}"
    target.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), "utf-8")
    return target


def input_spec(text: str) -> TensorSpec:
    """`image=float32[batch,3,224,224]` as a spec; `?` is a dimension that is free and equal to no other.

    Raises:
        UsageError: It is written otherwise.
    """
    found = _SPEC.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"'{text}' is no input", hint=_WORD)
    name, dtype, sizes = found[1].strip(), found[2], found[3]
    if dtype not in DTYPES or dtype == "string":
        known = ", ".join(each for each in DTYPES if each != "string")
        raise UsageError(f"input '{name}' has the dtype '{dtype}'", hint=f"there is: {known}")
    return TensorSpec(
        name, dtype, tuple(_dimension(each.strip(), text) for each in sizes.split(",") if sizes.strip())
    )


def _dimension(text: str, spec: str) -> Dimension:
    if text == "?":
        return None
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    if text.isidentifier():
        return text
    raise UsageError(f"'{text}' in '{spec}' is no dimension: a number, a name or ?", hint=_WORD)


def _as_data(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)}


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UsageError(f"the value of '{name}' cannot be read: {value}") from error
    if not equals or not name.isidentifier():
        raise UsageError(f"'{text}' is no argument", hint="write it as: --argument width=32")
    return name, read


def _split(request: SourceRequest) -> tuple[Path | None, str, Path | None]:
    """The code, the class in it and the weights; an archive brings its own code and weights."""
    weights = request.weights
    if weights is not None and not weights.is_file():
        raise NotFound(
            f"there are no weights at {weights}", hint="give the checkpoint's file: --weights FILE"
        )
    if not names_code(request.model):
        archive = Path(request.model)
        if not archive.is_file() or not zipfile.is_zipfile(archive):
            raise UsageError(
                f"{archive} is no TorchScript archive",
                hint="name a class: seatrial convert net.py:Net --weights ...",
            )
        return None, "", archive
    path, _, name = request.model.rpartition(":")
    if not Path(path).is_file():
        raise NotFound(f"there is no file {path}", hint="write MODEL as FILE.py:CLASS")
    return Path(path), name, weights


def _with_siblings(code: Path) -> list[Path]:
    """The file, and those beside it that it imports, one after the other."""
    found, waiting = [], [code]
    while waiting:
        each = waiting.pop(0)
        if each in found:
            continue
        found.append(each)
        waiting += [path for name in _imports(each) if (path := code.parent / f"{name}.py").is_file()]
    return found


def _imports(code: Path) -> list[str]:
    """First parts of the names of the modules that a file imports."""
    try:
        tree = ast.parse(code.read_bytes(), code.name)
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{code.name} is no Python: {error}") from error
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return [each.partition(".")[0] for each in names]


def _framework(files: Sequence[Path]) -> str:
    if not files:
        return "torch"
    asked = {name for each in files for name in _imports(each)}
    seen = [each for each in FRAMEWORKS if each in asked]
    if len(seen) != 1:
        raise UsageError(
            f"{files[0].name} imports {' and '.join(seen) or 'neither paddle nor torch'}",
            hint="say which: --framework paddle, or torch",
        )
    return seen[0]
