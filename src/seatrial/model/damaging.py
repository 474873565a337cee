"""A copy of a model whose files are not what they say: what transport, tools and hands do to files.

The self-test shows with it that the gate reads what is there and not what is said to be there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.errors import ModelError
from seatrial.model.artifact import Artifact, Parameter
from seatrial.model.editing import copied, known
from seatrial.model.formats import _wire as wire
from seatrial.model.formats._edit import Changes


def misstate(
    artifact: Artifact,
    folder: Path,
    *,
    version: int | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    without: Sequence[str] = (),
) -> Path:
    """Writes a copy of a model that lies about itself.

    Args:
        artifact: The model; its files are not changed. `paddle-json`, `paddle-pdmodel` or `onnx`.
        folder: Where the copy goes.
        version: Version of the format that the graph claims: of PIR, of the framework (2006000 is 2.6), or
            the opset.
        shapes: Shapes that the stored tensors claim, by parameter; as many bytes follow as before. The
            graph is not asked.
        without: Parameters whose stored tensors are taken out. The graph still has them.

    Returns:
        The graph file of the copy.

    Raises:
        UnsupportedModel: Files of this format cannot be edited.
        UsageError: There is no parameter of that name.
        ModelError: The bytes of a parameter are not there.
    """
    shapes = shapes or {}
    there = {each.name: each for each in artifact.parameters}
    known("parameter", [*shapes, *without], list(there))
    inside = artifact.format == "onnx"
    changes = Changes(
        version=version, stated=shapes if inside else {}, without=frozenset(without if inside else ())
    )
    graph = copied(artifact, folder, changes, {})
    if not inside and (shapes or without):
        if artifact.weights is None:
            raise ModelError("there is no parameters file", hint="give a model with its parameters")
        target = folder / artifact.weights.relative_to(artifact.graph.parent)
        target.write_bytes(_records(artifact.weights.read_bytes(), there, shapes, without))
    return graph


def _records(
    data: bytes, there: Mapping[str, Parameter], shapes: Mapping[str, tuple[int, ...]], without: Sequence[str]
) -> bytes:
    """A parameters file with some records changed: `header | description | values` each (`_pdiparams`)."""
    pieces, start = [], 0
    for each in sorted(there.values(), key=lambda parameter: parameter.offset):
        if each.file is None:
            raise ModelError(f"the bytes of '{each.name}' are not there", hint="see the artifact's problems")
        end = each.offset + each.nbytes
        if each.name in shapes:
            pieces.append(_described(data[start : each.offset], shapes[each.name]))
            pieces.append(data[each.offset : end])
        elif each.name not in without:
            pieces.append(data[start:end])
        start = end
    return b"".join([*pieces, data[start:]])


def _described(head: bytes, shape: tuple[int, ...]) -> bytes:
    """The head of a record with another shape: lengths, then `TensorDesc {1 dtype, 2 dims}`."""
    place = next(at for at in range(16, len(head)) if _length_at(head, at) == len(head) - at - 4)
    description = wire.changed(
        memoryview(head)[place + 4 :],
        lambda each: b"" if each.number == 2 else None,
        extra=[wire.number(2, each) for each in shape],
    )
    return head[:place] + len(description).to_bytes(4, "little") + description


def _length_at(head: bytes, at: int) -> int:
    return int.from_bytes(head[at : at + 4], "little", signed=True)
