"""What is known of a handover, as the files of the bundle will have it, and documents made of that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

import yaml

from seatrial import extensions
from seatrial.checks import render
from seatrial.contract import Contract, Pipeline
from seatrial.contract.document import dump_contract
from seatrial.deliverables._deliverable import LANGUAGES, Handover, Item
from seatrial.deliverables._documents.blocks import Page
from seatrial.deliverables._documents.codes import EXIT, STATUS
from seatrial.deliverables._documents.html import to_html
from seatrial.deliverables._documents.markdown import to_markdown
from seatrial.deliverables._documents.trace import Facts
from seatrial.deliverables._documents.writer import CONTRACT, MANIFEST, REPORT, VECTORS, Writer
from seatrial.deliverables.contract import FILES
from seatrial.model.bundle import Bundle
from seatrial.model.formats._digest import sha256_of
from seatrial.text import Text

STEPS = "seatrial:steps"  # what a step does where the contract says nothing
CASES = "test_cases/inputs.npz"
BEFORE = "previous:"
EXITS = "seatrial:exit-codes"
STATUSES = "seatrial:http-status"


def documents(
    handover: Handover, kind: str, write: Callable[[Writer, Handover], Page], *, files: bool = False
) -> Iterator[Item]:
    """One document in every language, as Markdown and as a page.

    Args:
        handover: What is known.
        kind: `technical`, `guide`...
        write: Writes it.
        files: Whether it names the model's files, which are read for their digests.
    """
    facts = facts_of(handover, files=files)
    for language in LANGUAGES:
        page = write(Writer(facts, language), handover)
        extra = {"language": language}
        for suffix, text, media in (
            ("md", to_markdown(page), "text/markdown"),
            ("html", to_html(page), "text/html"),
        ):
            yield Item(f"docs/{language}/{kind}.{suffix}", "document", text.encode(), media, extra=extra)


def facts_of(handover: Handover, *, files: bool = False) -> Facts:
    """Everything that documents may say of a handover.

    Args:
        handover: What is known.
        files: Whether the model's files are read for their digests.
    """
    trees: dict[str, Any] = {
        REPORT: json.loads(render(handover.report, "json")),
        CONTRACT: contract_tree(handover.contract),
        MANIFEST: _manifest(handover, files=files),
        VECTORS: _vectors(handover),
        STEPS: _steps(handover.contract),
        EXITS: _codes(EXIT),
        STATUSES: _codes(STATUS),
        "labels.txt": list(handover.contract.labels),
        "vocabulary.txt": list(handover.contract.vocabulary),
        config_name(handover): _plain(dict(handover.hyperparameters)),
        CASES: list(range(len(handover.cases.cases))),
    }
    for each in handover.models:
        trees[f"models/{each.format}/{each.graph.name}"] = {
            "version": each.version,
            "size": each.size,
            "operators": dict(sorted(each.operators.items(), key=lambda one: (-one[1], one[0]))),
            "parameters": len(each.parameters),
        }
    if handover.previous is not None:
        trees |= previous_trees(handover.previous)
    return Facts(trees)


def config_name(handover: Handover) -> str:
    """What the training's configuration is called in the bundle."""
    return f"config{handover.config.suffix.lower()}" if handover.config is not None else "config.yaml"


def previous_trees(bundle: Bundle) -> dict[str, Any]:
    """What the previous bundle says of itself, by file; a file that it lacks is not there."""
    here = f"{BEFORE}{bundle.manifest.release}/"
    trees: dict[str, Any] = {here + MANIFEST: json.loads(bundle.manifest.to_bytes())}
    if bundle.manifest.file(REPORT) is not None:
        trees[here + REPORT] = json.loads(bundle.read(REPORT))
    if bundle.manifest.file(CONTRACT) is not None:
        trees[here + CONTRACT] = yaml.safe_load(bundle.read(CONTRACT))
    return trees


def contract_tree(contract: Contract) -> Any:
    """The contract as `contract.yaml` of the bundle has it; names that lie beside it are not in it."""
    kept = {what: name for what, name in FILES.items() if getattr(contract, what)}
    bare = replace(contract, source="", files=kept)
    return yaml.safe_load(dump_contract(bare))


def _manifest(handover: Handover, *, files: bool) -> dict[str, Any]:
    listed = [
        {
            "path": f"models/{each.format}/{one.path.relative_to(each.graph.parent).as_posix()}",
            "role": "model",
            "size": one.size,
            "sha256": f"sha256:{sha256_of(one.path)}" if files else "",
        }
        for each in handover.models
        for one in each.files
    ]
    return {
        "name": handover.name,
        "version": handover.version,
        "created": handover.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "contract": handover.contract.digest(),
        "models": [
            {
                "format": each.format,
                "graph": f"models/{each.format}/{each.graph.name}",
                "digest": each.digest,
            }
            for each in handover.models
        ],
        "files": sorted(listed, key=lambda each: str(each["path"])),
        "said": dict(handover.extra),
        "previous": {
            "release": handover.previous.manifest.release,
            "digest": handover.previous.digest,
        }
        if handover.previous is not None
        else None,
    }


def _vectors(handover: Handover) -> dict[str, Any]:
    return {
        "vectors": [
            {
                "name": each.name,
                "payload": f"{each.name}{each.suffix}",
                "kind": each.kind,
                "answer": each.answer,
            }
            for each in handover.vectors
        ],
    }


def _codes(codes: Mapping[int, Text]) -> dict[str, Any]:
    return {str(code): {"en": text.en, "zh": text.zh} for code, text in codes.items()}


def _steps(contract: Contract) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for stage in (contract.preprocess, contract.postprocess):
        found |= _defaults(stage)
    return found


def _defaults(pipeline: Pipeline) -> dict[str, Any]:
    steps = extensions.find("seatrial.contract.steps", "STEP")
    return {
        call.name: _plain(steps[call.name].filled(call.options))
        for call in pipeline.calls
        if call.name in steps
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
