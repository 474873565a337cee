"""A model for a web page: a description, the ONNX file it names, and a page that runs it.

`web.json` says what a page has to know without reading the model: the file, its digest, names, types and
shapes, the rows one run takes, and the providers of ONNX Runtime Web on which it was run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.contract.tensor import TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Problem
from seatrial.model.formats import onnx
from seatrial.model.formats._assemble import broken
from seatrial.model.formats._bytes import head, is_regular, our_errors, size_of, whole
from seatrial.model.formats._digest import digest_of, sha256_of
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import problem
from seatrial.model.formats._probe import integer, load_json, mapping, member, sequence, text

VERSION = "seatrial/web/1"
_LARGEST = 1 << 20
_AGAIN = "make it again: seatrial convert MODEL --to web"
_PAGE = ("index.html", "model.mjs")


def sniff(path: Path) -> bool:
    """Whether the file is a description of a model for web pages."""
    return f'"{VERSION}"'.encode() in head(path, 256)


def read(path: Path) -> Artifact:
    """The artifact of a `web.json`: the model inside as its own reader has it, and the files around it."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        told = _told(path)
        model = _model_file(told, path)
        inner = onnx.read(model)
        rows = _rows(told)
        providers = [
            text(each, "a provider") for each in sequence(member(told, "providers", "web.json"), "it")
        ]
        problems = [*_exchanged(told, model), *_other_interface(told, inner), *inner.problems]
    except Garbled as error:
        return broken(path, error, format_name="web", files=files)
    files.append(ModelFile(model, "parameters", size_of(model)))
    page = (path.with_name(name) for name in _PAGE)
    files += [ModelFile(each, "other", size_of(each)) for each in page if is_regular(each)]
    return replace(
        inner,
        path=path,
        format="web",
        files=tuple(files),
        digest=digest_of(files, path.parent),
        # Rows go one by one where the model takes only one: any number of them may come.
        inputs=tuple(_freed(each) if rows else each for each in inner.inputs),
        problems=tuple(problems),
        metadata={
            **inner.metadata,
            "providers": ", ".join(providers),
            "rows of one run": str(rows) if rows else "any",
        },
    )


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of the model inside."""
    return onnx.operators(_model_file(_told(path), path))


def _told(path: Path) -> dict[str, Any]:
    told = mapping(load_json(whole(path, limit=_LARGEST)), "web.json")
    if told.get("format") != VERSION:
        raise Garbled(f"'format' is not {VERSION}", hint=_AGAIN)
    return told


def _model_file(told: dict[str, Any], path: Path) -> Path:
    """The model's file, which lies below the folder of the description."""
    name = text(member(member(told, "model", "web.json"), "file", "model"), "the model's file")
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or "\\" in name or not place.parts:
        raise Garbled(f"the model's file '{name}' does not lie below the description")
    file = path.parent / place
    with our_errors(file):
        if not is_regular(file):
            raise Garbled(
                f"there is no {name}", code="weights-missing", hint="copy the folder whole, as it was made"
            )
    return file


def _rows(told: dict[str, Any]) -> int:
    rows = integer(member(told, "rows", "web.json"), "rows")
    if rows not in (0, 1):
        raise Garbled(f"{rows} rows of one run, expected 1, or 0 for any")
    return rows


def _exchanged(told: dict[str, Any], model: Path) -> list[Problem]:
    if sha256_of(model) == told["model"].get("sha256"):
        return []
    return [problem("weights-other", "the model is not the one that was described", model.name, _AGAIN)]


def _other_interface(told: dict[str, Any], inner: Artifact) -> list[Problem]:
    """What the page goes by must be what the model has."""
    for side, specs in (("inputs", inner.inputs), ("outputs", inner.outputs)):
        listed = [
            (each.get("name"), each.get("dtype")) if isinstance(each, dict) else None
            for each in sequence(member(told, side, "web.json"), side)
        ]
        if listed != [(each.name, each.dtype) for each in specs]:
            return [problem("interface-other", f"the {side} are not those of the model", "web.json", _AGAIN)]
    return []


def _freed(spec: TensorSpec) -> TensorSpec:
    return replace(spec, shape=("batch", *spec.shape[1:])) if spec.shape else spec


FORMAT = Format(
    name="web",
    summary="ONNX for web pages: description, model, page",
    suffixes=(),
    sniff=sniff,
    read=read,
    operators=operators,
)
