"""Writes the bill of materials: CycloneDX 1.6 with digests, shared libraries and the model itself (`M10`).

The JSON is written by hand because the library's component has no model card; the library's strict
validator then says whether it is right.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cyclonedx.exception import MissingOptionalDependencyException
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from seatrial.checks._report_files import write_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib import metadata
    from pathlib import Path

    from seatrial.contract import Contract
    from seatrial.model import Artifact

_NAMESPACE = uuid.UUID("6d2f0a55-6a0a-5d0e-9a5c-3f7f1f0c9b11")
_TASKS = {"text-classification": "text classification", "text-recognition": "optical character recognition"}


@dataclass(frozen=True)
class Materials:
    """What goes into the bill.

    Attributes:
        artifact: The model.
        contract: Its contract.
        delivered: Files handed over.
        packages: Installed distributions that run it.
    """

    artifact: Artifact
    contract: Contract
    delivered: Sequence[Path]
    packages: Sequence[metadata.Distribution]


def digest_of(path: Path) -> str:
    """Hexadecimal sha256 of a file, in constant memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def build_sbom(materials: Materials) -> dict[str, Any]:
    """The bill as JSON data; the same materials give the same bytes (no clock, no chance)."""
    artifact = materials.artifact
    model = _model(materials)
    packages = [_package(each) for each in materials.packages]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, artifact.digest)}",
        "version": 1,
        "metadata": {"component": model},
        "components": packages,
        "dependencies": [
            {"ref": model["bom-ref"], "dependsOn": [each["bom-ref"] for each in packages]},
            *({"ref": each["bom-ref"]} for each in packages),
        ],
    }


def _sha256(content: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": content}]


def _model(materials: Materials) -> dict[str, Any]:
    artifact, contract = materials.artifact, materials.contract
    files = [
        {
            "type": "file",
            "bom-ref": f"file:{place}:{path.name}",
            "name": path.name,
            "hashes": _sha256(digest_of(path)),
        }
        for place, path in enumerate(materials.delivered)
    ]
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{artifact.digest}",
        "name": contract.name or artifact.graph.stem,
        "version": artifact.digest.removeprefix("sha256:")[:12],
        "hashes": _sha256(artifact.digest.removeprefix("sha256:")),
        "properties": [
            {"name": "seatrial:format", "value": artifact.format},
            {"name": "seatrial:format-version", "value": artifact.version},
            {"name": "seatrial:hash-covers", "value": "roles, names and bytes of all model files"},
        ],
        "modelCard": {
            "bom-ref": f"card:{artifact.digest}",
            "modelParameters": {
                "task": _TASKS.get(contract.task, contract.task),
                "inputs": [{"format": _format(each)} for each in contract.inputs],
                "outputs": [{"format": _format(each)} for each in contract.outputs],
            },
        },
        **({"components": files} if files else {}),
    }


def _format(spec: Any) -> str:
    shape = ", ".join("?" if each is None else str(each) for each in spec.shape)
    return f"{spec.name}: {spec.dtype}[{shape}]"


def _package(distribution: metadata.Distribution) -> dict[str, Any]:
    name, version = canonicalize_name(distribution.metadata["Name"]), distribution.version
    purl = f"pkg:pypi/{name}@{version}"
    record = (distribution.read_text("RECORD") or f"{name} {version}").encode()
    libraries = [
        {
            "type": "file",
            "bom-ref": f"{purl}#{each}",
            "name": str(each),
            "hashes": _sha256(base64.urlsafe_b64decode(each.hash.value + "==").hex()),
        }
        for each in distribution.files or ()
        if ".so" in each.name and each.hash is not None and each.hash.mode == "sha256"
    ]
    fields: Mapping[str, Any] = distribution.metadata.json
    written = str(fields.get("license_expression") or fields.get("license") or "").strip()
    short = written.splitlines()[0][:80] if written else ""
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": _sha256(hashlib.sha256(record).hexdigest()),
        "properties": [
            {"name": "seatrial:hash-covers", "value": "the installed RECORD: digests of all its files"}
        ],
        **({"licenses": [{"license": {"name": short}}]} if short else {}),
        **({"components": libraries} if libraries else {}),
    }


def validate_sbom(data: dict[str, Any]) -> str:
    """Why the bill breaks the CycloneDX 1.6 schema, or an empty string."""
    try:
        error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(data))
    except MissingOptionalDependencyException as missing:
        return str(missing)
    return str(error)[:300] if error is not None else ""


def write_sbom(data: dict[str, Any], path: Path) -> None:
    """Writes the bill, whole or not at all."""
    write_all(path.parent, {path.name: json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"})
