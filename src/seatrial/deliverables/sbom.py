"""The bill of materials: CycloneDX 1.6 with the model, its card, its data and its packages (`M10`)."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.contract import TensorSpec
from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.text import Text

NAME = "sbom.cdx.json"

_NAMESPACE = uuid.UUID("0f4b8d7e-55c1-5c8e-9c53-6d4f3a1e2b90")
_KNOWN_LICENSES = ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "MIT", "MPL-2.0")


def _make(handover: Handover) -> Iterator[Item]:
    text = json.dumps(bill(handover), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    yield Item(NAME, "sbom", text.encode(), "application/vnd.cyclonedx+json")


def bill(handover: Handover) -> dict[str, Any]:
    """The bill as JSON data; its serial number comes from the digests of what it lists.

    It lists every file of every model, the data of the report by its digest, and the packages that the
    report was made with, in the versions that were installed then.
    """
    model, data = _model(handover), _data(handover)
    packages = [_package(name, version) for name, version in _packages(handover)]
    named = [handover.name, handover.version, handover.contract.digest()]
    said = "\n".join([*named, *(each.digest for each in handover.models)])
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, said)}",
        "version": 1,
        "metadata": {
            "timestamp": handover.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {
                "components": [
                    {"type": "application", "name": "seatrial", "version": handover.report.seatrial}
                ]
            },
            "component": model,
        },
        "components": [*data, *packages],
        "dependencies": [
            {"ref": model["bom-ref"], "dependsOn": [each["bom-ref"] for each in packages]},
            *({"ref": each["bom-ref"]} for each in (*data, *packages)),
        ],
    }


def _model(handover: Handover) -> dict[str, Any]:
    release = f"{handover.name}@{handover.version}"
    report, license_of = handover.report, handover.extra.get("license", "")
    properties = {
        "seatrial:contract": handover.contract.digest(),
        "seatrial:verdict": report.verdict.value,
        "seatrial:profile": report.profile,
        "seatrial:tier": report.tier,
        **{f"seatrial:{name}": value for name, value in handover.extra.items() if name != "license"},
    }
    first = handover.models[0]
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{release}",
        "name": handover.name,
        "version": handover.version,
        "hashes": _sha256(first.digest),
        "properties": _properties({**properties, "seatrial:hash-covers": f"all files of the {first.format}"}),
        "modelCard": _card(handover, release),
        "components": [_artifact_of(handover, place) for place in range(len(handover.models))],
        **({"licenses": [_license(license_of)]} if license_of else {}),
    }


def _artifact_of(handover: Handover, place: int) -> dict[str, Any]:
    """One format of the model, and its files."""
    artifact = handover.models[place]
    here = artifact.graph.parent
    names = [f"models/{artifact.format}/{each.path.relative_to(here).as_posix()}" for each in artifact.files]
    return {
        "type": "machine-learning-model",
        "bom-ref": f"artifact:{artifact.format}",
        "name": artifact.format,
        "version": artifact.version,
        "hashes": _sha256(artifact.digest),
        "components": [
            {
                "type": "file",
                "bom-ref": f"file:{name}",
                "name": name,
                "hashes": _sha256(_digest_of(each.path)),
                "properties": _properties({"seatrial:role": each.role, "seatrial:size": str(each.size)}),
            }
            for name, each in zip(names, artifact.files, strict=True)
        ],
    }


def _card(handover: Handover, release: str) -> dict[str, Any]:
    contract = handover.contract
    card: dict[str, Any] = {
        "bom-ref": f"card:{release}",
        "modelParameters": {
            "task": contract.task,
            "inputs": [{"format": _told(each)} for each in contract.inputs],
            "outputs": [{"format": _told(each)} for each in contract.outputs],
            "datasets": [{"ref": each["bom-ref"]} for each in _data(handover)],
        },
    }
    measured = _metrics(handover.report.figures.get("accuracy", {}).get("metrics", {}))
    if measured:
        card["quantitativeAnalysis"] = {"performanceMetrics": measured}
    return card


def _metrics(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Figures of the report with their 95 % intervals; the schema has them as text."""
    rows = []
    for name, figure in sorted(metrics.items()):
        value, *bounds = figure if isinstance(figure, Sequence) else (figure,)
        row: dict[str, Any] = {"type": name, "value": str(value)}
        if len(bounds) == 2:
            row["confidenceInterval"] = {"lowerBound": str(bounds[0]), "upperBound": str(bounds[1])}
        rows.append(row)
    return rows


def _data(handover: Handover) -> list[dict[str, Any]]:
    """The data that the report speaks of; a digest is all that is known of it here."""
    digest = handover.report.subject.get("data", "")
    if not digest:
        return []
    return [
        {
            "type": "data",
            "bom-ref": f"data:{digest}",
            "name": "held-out data of the report",
            "hashes": _sha256(digest),
            "data": [{"type": "dataset", "name": "held-out"}],
        }
    ]


def _packages(handover: Handover) -> list[tuple[str, str]]:
    found = handover.report.environment.get("packages", {})
    return sorted((str(name), str(version)) for name, version in found.items() if version)


def _package(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _license(text: str) -> dict[str, Any]:
    return {"license": {"id" if text in _KNOWN_LICENSES else "name": text}}


def _told(spec: TensorSpec) -> str:
    shape = ", ".join("?" if each is None else str(each) for each in spec.shape)
    return f"{spec.name}: {spec.dtype}[{shape}]"


def _properties(said: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in sorted(said.items())]


def _sha256(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]


def _digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


DELIVERABLE = Deliverable(
    name="sbom",
    order=70,
    summary=Text("what it is made of, in CycloneDX 1.6", "物料清单（CycloneDX 1.6）"),
    make=_make,
)
