"""Builds the model of a `*.source.yaml` inside a worker: its code runs here and nowhere else.

Imported in workers and in the children of converters, beside the framework, NumPy and PyYAML only.
"""

from __future__ import annotations

import importlib
import io
import pickle
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from seatrial import lazy
from seatrial.errors import ModelError
from seatrial.runtimes._engine import Array

# Under these keys trainers keep the weights beside the optimizer's state.
_INSIDE = ("state_dict", "model_state_dict", "model", "net", "generator")
_NOT_WEIGHTS = ("StructuredToParameterName@@", "UnpackBigParamInfor@@")
_SHOWN = 6
_PICKLE_NAMES = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("collections", "OrderedDict"),
    ("_codecs", "encode"),
    ("builtins", "tuple"),
    ("__builtin__", "tuple"),
}
_NUMPY_MODULES = {
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
}
_NUMPY_NAMES = {"_reconstruct", "scalar", "_frombuffer"}


_HINT = "correct the code, the class, its arguments or its weights where the model is named"


class SourceError(ModelError):
    """The code or the weights of a source are at fault; the text says which and why."""

    def __init__(self, message: str, *, hint: str = _HINT) -> None:
        super().__init__(message, hint=hint)


@dataclass(frozen=True)
class Told:
    """What the file says, as a worker needs it.

    Attributes:
        framework: `paddle` or `torch`.
        name: Of the class.
        weights: File; empty for none.
        inputs: Name, dtype and shape of each.
    """

    framework: str
    code: tuple[str, ...]
    name: str
    arguments: Mapping[str, Any]
    weights: str
    inputs: tuple[Mapping[str, Any], ...]


def told(graph: str) -> Told:
    """The content of a file whose form was judged when the artifact was read."""
    yaml: Any = lazy.load("yaml", extra="paddle")
    data = yaml.safe_load(Path(graph).read_text("utf-8"))
    code = data.get("code", [])
    weights = data.get("weights", "")
    return Told(
        framework=data["framework"],
        code=tuple(code if isinstance(code, list) else [code]),
        name=str(data.get("class", "")),
        arguments=data.get("arguments", {}),
        weights=str(Path(graph).parent / weights) if weights else "",
        inputs=tuple(data["inputs"]),
    )


def built(graph: str, source: Told, scratch: str) -> Any:
    """An instance of the class, with the weights it makes itself.

    Only the files that the source lists are put on the path: what it imports beside them is not part of the
    artifact's digest.

    Raises:
        SourceError: The code cannot be imported, has no such class, or raises.
    """
    home = Path(scratch) / "source"
    for each in source.code:
        target = home / each
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(graph).parent / each, target)
    sys.path.insert(0, str(home))
    sys.dont_write_bytecode = True
    module = _imported(source, home)
    made: Any = module
    for part in source.name.split("."):
        made = getattr(made, part, None)
    if not callable(made):
        there = sorted(key for key, value in vars(module).items() if isinstance(value, type))
        listed = ", ".join(each for each in there if not each.startswith("_")) or "none"
        raise SourceError(f"{source.code[0]} has no class '{source.name}'; its classes are: {listed}")
    return guarded(lambda: made(**source.arguments), home, f"{source.name}(...)")


def _imported(source: Told, home: Path) -> Any:
    name = ".".join(Path(source.code[0]).with_suffix("").parts)
    if name.partition(".")[0] in sys.modules:
        raise SourceError(f"{source.code[0]} is named like a module of Python or the framework: rename it")
    return guarded(lambda: importlib.import_module(name), home, f"importing {source.code[0]}")


def guarded(call: Callable[[], Any], home: Path, what: str) -> Any:
    """Runs code of the source's; what it raises is told with the line of its own that it came from.

    Raises:
        SourceError: It raised or exited.
    """
    try:
        return call()
    except SourceError:
        raise
    except BaseException as error:
        frames = [
            each for each in traceback.extract_tb(error.__traceback__) if each.filename.startswith(str(home))
        ]
        place = f" ({Path(frames[-1].filename).relative_to(home)} line {frames[-1].lineno})" if frames else ""
        missing = "; list that file under 'code' too" if isinstance(error, ModuleNotFoundError) else ""
        raise SourceError(f"{what} fails{place}: {type(error).__name__}: {error}{missing}") from error


def fitted(own: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> None:
    """Compares the shapes of a model's own weights with a checkpoint's.

    Raises:
        SourceError: Some are missing, too many, or of another shape; they are named.
    """
    missing = [name for name in own if name not in given]
    surplus = [name for name in given if name not in own]
    other = [
        f"{name} {list(given[name])} instead of {list(own[name])}"
        for name in own
        if name in given and tuple(given[name]) != tuple(own[name])
    ]
    wrong = [
        f"{len(names)} {what}: {', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''}"
        for what, names in (
            ("missing in the checkpoint", missing),
            ("not in the class", surplus),
            ("of another shape", other),
        )
        if names
    ]  # fmt: skip
    if wrong:
        raise SourceError(
            "the weights do not fit the class: " + "; ".join(wrong),
            hint="build the class as training did, with the same arguments: --argument NAME=VALUE",
        )


def inner(checkpoint: Any, is_tensor: Callable[[Any], bool]) -> dict[str, Any]:
    """The weights in what a trainer saved: itself, or under one of the usual keys; `module.` is taken off.

    Raises:
        SourceError: There are none.
    """
    found = checkpoint
    for key in _INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
            break
    if not isinstance(found, Mapping) or not found or not all(is_tensor(each) for each in found.values()):
        raise SourceError(f"the checkpoint holds a {type(found).__name__}, expected weights by name")
    if all(str(each).startswith("module.") for each in found):
        found = {str(key).removeprefix("module."): value for key, value in found.items()}
    return dict(found)


class _Restricted(pickle.Unpickler):
    """Rebuilds arrays, and refuses whatever else a pickle asks for before it is called."""

    def find_class(self, module: str, name: str) -> Any:
        """See `pickle.Unpickler.find_class`."""
        known = (module, name) in _PICKLE_NAMES or (module in _NUMPY_MODULES and name in _NUMPY_NAMES)
        if not known:
            raise SourceError(f"the checkpoint's pickle asks for {module}.{name}; it was not executed")
        return super().find_class(module, name)


def read_paddle(path: str) -> dict[str, Array]:
    """The arrays of a `.pdparams`; nothing but arrays is unpickled.

    Raises:
        SourceError: It asks for something else, or holds no weights.
    """
    with Path(path).open("rb") as file:
        data: Any = _loaded(file)
    if isinstance(data, Mapping):
        if _NOT_WEIGHTS[1] in data:
            raise SourceError("tensors over 1 GB in parts: save the checkpoint again with protocol 4")
        data = {key: value for key, value in data.items() if key not in _NOT_WEIGHTS}
        # Paddle 2 keeps (name of the variable, array).
        data = {key: value[1] if isinstance(value, tuple) else value for key, value in data.items()}
    return inner(data, lambda each: isinstance(each, (np.ndarray, np.generic)))


def _loaded(file: IO[bytes]) -> Any:
    try:
        return _Restricted(io.BufferedReader(file) if isinstance(file, io.RawIOBase) else file).load()
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"the checkpoint cannot be read: {type(error).__name__}: {error}") from error


def flat(value: Any) -> list[Any]:
    """The tensors of an answer in order: a tensor, or lists, tuples and dictionaries of them."""
    if isinstance(value, Mapping):
        return [each for inside in value.values() for each in flat(inside)]
    if isinstance(value, (list, tuple)):
        return [each for inside in value for each in flat(inside)]
    return [] if value is None else [value]
