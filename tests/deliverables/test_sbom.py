"""The bill of materials: strictly CycloneDX 1.6, the same each time, and it lists what is there."""

from __future__ import annotations

import dataclasses
import json
from hashlib import sha256
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from seatrial.deliverables.sbom import DELIVERABLE, bill
from support.handovers import network_handover


def _problem(data: object) -> str:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(data))
    return "" if error is None else str(error)


@pytest.mark.parametrize("license_of", ["", "Apache-2.0", "our own terms"])
def test_it_is_strictly_of_its_schema(tmp_path: Path, license_of: str) -> None:
    said = {"license": license_of, "contact": "ops@example.org"} if license_of else {}
    assert _problem(bill(network_handover(tmp_path, extra=said))) == ""


def test_the_validator_sees_a_field_that_is_not_of_the_schema(tmp_path: Path) -> None:
    data = bill(network_handover(tmp_path))
    data["metadata"]["component"]["modelCard"]["mood"] = "good"
    assert "mood" in _problem(data)


def test_every_file_of_every_model_is_in_it_as_the_bundle_has_it(tmp_path: Path) -> None:
    handover = network_handover(tmp_path)
    listed = {
        file["name"]: file["hashes"][0]["content"]
        for model in bill(handover)["metadata"]["component"]["components"]
        for file in model["components"]
    }
    there = {
        f"models/{artifact.format}/{each.path.name}": sha256(each.path.read_bytes()).hexdigest()
        for artifact in handover.models
        for each in artifact.files
    }
    assert listed == there
    assert len(listed) >= 3


def test_data_packages_and_figures_are_those_of_the_report(tmp_path: Path) -> None:
    handover = network_handover(tmp_path)
    figures = {"accuracy": {"metrics": {"accuracy": [0.97, 0.95, 0.99]}}}
    environment = {**handover.report.environment, "packages": {"onnxruntime": "1.31.1", "numpy": "2.4.6"}}
    report = dataclasses.replace(handover.report, figures=figures, environment=environment)
    data = bill(dataclasses.replace(handover, report=report))
    kinds = {each["bom-ref"]: each for each in data["components"]}
    assert "pkg:pypi/onnxruntime@1.31.1" in kinds
    assert f"data:{report.subject['data']}" in kinds
    card = data["metadata"]["component"]["modelCard"]
    assert card["modelParameters"]["datasets"] == [{"ref": f"data:{report.subject['data']}"}]
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [
        {
            "type": "accuracy",
            "value": "0.97",
            "confidenceInterval": {"lowerBound": "0.95", "upperBound": "0.99"},
        }
    ]
    assert _problem(data) == ""


def test_its_number_changes_with_what_it_lists_and_with_nothing_else(tmp_path: Path) -> None:
    one, same = network_handover(tmp_path / "a"), network_handover(tmp_path / "b")
    other = network_handover(tmp_path / "c", seed=8)
    assert [each.content for each in DELIVERABLE.make(one)] == [
        each.content for each in DELIVERABLE.make(same)
    ]
    assert bill(one)["serialNumber"] != bill(other)["serialNumber"]
    assert bill(one)["metadata"]["timestamp"] == "2026-11-21T05:20:11Z"
