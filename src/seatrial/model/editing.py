"""An edited copy of a model, made without any engine: other weights, other attributes, another input.

The self-test breaks models with it, and the diagnosis undoes a suspected difference with it.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from seatrial import extensions
from seatrial.contract.tensor import Dimension
from seatrial.errors import ModelError, UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact, Parameter
from seatrial.model.formats._bytes import our_errors
from seatrial.model.formats._edit import Changes, OperatorEdit
from seatrial.model.formats._format import Format
from seatrial.model.opening import operators as operators_of
from seatrial.model.weights import Array

__all__ = ["OperatorEdit", "rewrite"]


def rewrite(
    artifact: Artifact,
    folder: Path,
    *,
    tensors: Mapping[str, Array] | None = None,
    operators: Sequence[OperatorEdit] = (),
    rename_inputs: Mapping[str, str] | None = None,
    input_shapes: Mapping[str, tuple[Dimension, ...]] | None = None,
) -> Path:
    """Writes an edited copy of a model. What is not named is copied byte for byte.

    Args:
        artifact: The model; its files are not changed. `paddle-json`, `paddle-pdmodel` or `onnx`.
        folder: Where the copy goes, with the names the files have; made when it is not there.
        tensors: New values of parameters, by name; of the shape they have, cast to the dtype they have.
        operators: Operators that change.
        rename_inputs: New names of graph inputs, by old ones; what reads them reads the new ones.
        input_shapes: New shapes of graph inputs, by old names; None is a dimension of any size.

    Returns:
        The graph file of the copy.

    Raises:
        UnsupportedModel: Models of this format cannot be edited.
        UsageError: A tensor, an operator or an input of that name is not there, or cannot become that.
        ModelError: The graph is damaged.
    """
    tensors, names, shapes = tensors or {}, rename_inputs or {}, input_shapes or {}
    known("input", [*names, *shapes], [each.name for each in artifact.inputs])
    _free(artifact, names)
    _possible(shapes)
    changes = Changes(_placed(artifact, operators) if operators else {}, names, shapes)
    return copied(artifact, folder, changes, _patches(artifact, tensors))


def copied(
    artifact: Artifact,
    folder: Path,
    changes: Changes,
    patches: Mapping[Path, Sequence[tuple[int, bytes]]],
) -> Path:
    """Copies every file of a model, the graph with `changes`, and each with its bytes replaced."""
    chosen = cast("Format", extensions.get("seatrial.model.formats", "FORMAT", artifact.format))
    if chosen.edit is None:
        raise UnsupportedModel(
            f"{artifact.format} models cannot be edited", hint="convert the model to ONNX and edit that"
        )
    home = artifact.graph.parent
    if folder.exists() and folder.resolve() == home.resolve():
        raise UsageError(f"the copy would overwrite the model in {folder}", hint="give another folder")
    for each in artifact.files:
        edit = chosen.edit if each.path == artifact.graph and changes else None
        target = folder / each.path.relative_to(home)
        _write(each.path, target, patches.get(each.path, ()), edit=edit, changes=changes)
    return folder / artifact.graph.name


def known(what: str, asked: Iterable[str], there: Sequence[str]) -> None:
    """Raises UsageError for a name that is not there."""
    for name in asked:
        if name not in there:
            near = difflib.get_close_matches(name, there, 3, 0.4) or list(there[:5])
            raise UsageError(f"the model has no {what} '{name}'", hint="there is " + ", ".join(near))


def _placed(artifact: Artifact, edits: Sequence[OperatorEdit]) -> dict[int, OperatorEdit]:
    """Edits by the place of their operator."""
    listed = operators_of(artifact)
    known("operator", [each.name for each in edits], [each.name for each in listed])
    placed: dict[int, OperatorEdit] = {}
    for each in edits:
        places = [index for index, operator in enumerate(listed) if operator.name == each.name]
        if len(places) > 1:
            raise UsageError(
                f"{len(places)} operators are named '{each.name}'",
                hint="give the nodes of the graph names of their own",
            )
        if places[0] in placed:
            raise UsageError(f"'{each.name}' is edited twice", hint="put all changes into one edit")
        placed[places[0]] = each
    return placed


def _free(artifact: Artifact, names: Mapping[str, str]) -> None:
    """Refuses a new name that something else already has."""
    if not names:
        return
    taken = {each.name for each in (*artifact.inputs, *artifact.outputs)}
    taken |= {each.name for each in artifact.parameters}
    taken |= {output for each in operators_of(artifact) for output in each.outputs}
    for old, new in names.items():
        if not new or (new in taken and new != old) or list(names.values()).count(new) > 1:
            raise UsageError(f"input '{old}' cannot be named '{new}'", hint="give a name nothing else has")


def _possible(shapes: Mapping[str, tuple[Dimension, ...]]) -> None:
    for name, shape in shapes.items():
        if any(isinstance(each, int) and each < 0 for each in shape):
            raise UsageError(
                f"input '{name}' cannot have the shape {shape}", hint="None is a dimension of any size"
            )


def _patches(artifact: Artifact, tensors: Mapping[str, Array]) -> dict[Path, list[tuple[int, bytes]]]:
    """What is written where: by file, offset and bytes."""
    there = {each.name: each for each in artifact.parameters}
    known("parameter", tensors, list(there))
    patches: dict[Path, list[tuple[int, bytes]]] = {}
    for name, values in tensors.items():
        parameter = there[name]
        if parameter.file is None:
            raise ModelError(f"the bytes of '{name}' are not there", hint="see the artifact's problems")
        patches.setdefault(parameter.file, []).append((parameter.offset, _stored(parameter, values)))
    return patches


def _stored(parameter: Parameter, values: Array) -> bytes:
    """Values as the file keeps them."""
    array = np.asarray(values)
    if array.shape != parameter.shape:
        raise UsageError(
            f"'{parameter.name}' has the shape {list(parameter.shape)}, the new values {list(array.shape)}",
            hint="values can be replaced, the network's shape cannot",
        )
    if parameter.dtype == "bfloat16":
        return _halved(array.astype(np.float32)).tobytes()
    if parameter.dtype.startswith("float8"):
        if array.dtype != np.uint8:
            raise UsageError(f"'{parameter.name}' is {parameter.dtype}: give its raw bytes (uint8)")
        return array.tobytes()
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.dtype(parameter.dtype).newbyteorder("<")).tobytes()


def _halved(values: Array) -> Array:
    """float32 as the bits of bfloat16, rounded to even; NaN stays NaN."""
    bits = np.ascontiguousarray(values).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    nan = (bits >> 16) | 0x40
    halves: Array = np.where(np.isnan(values), nan, rounded).astype("<u2")
    return halves


def _write(
    source: Path, target: Path, patches: Iterable[tuple[int, bytes]], *, edit: Any, changes: Changes
) -> None:
    """Copies one file with its changes; nobody sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(target.name + ".part")
    try:
        with our_errors(source):
            shutil.copyfile(source, aside)
            with aside.open("r+b") as file:
                for offset, data in patches:
                    file.seek(offset)
                    file.write(data)
        if edit is not None:
            aside.write_bytes(edit(aside.read_bytes(), changes))
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
