"""Manifests that a cluster takes, and rules that each catch what a cluster would not."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from seatrial.cli.main import main
from seatrial.deliverables import deployment
from seatrial.deliverables._manifests import broken_rules, kserve, kubernetes, service_of
from seatrial.deliverables._manifests.rules import quantity
from seatrial.deliverables._manifests.service import dns_name
from seatrial.errors import UsageError
from seatrial.model.manifest import Manifest
from support.handovers import network_bundle, network_handover
from support.sample_report import passing_report

IMAGE = "team/network@sha256:" + "ab" * 32
KUBERNETES = "1.31"

Documents = list[dict[str, Any]]


def _documents(image: str = IMAGE) -> Documents:
    manifest = Manifest("Net_Work.2", "1.0.0", passing_report_time(), (), ())
    service = service_of(manifest, "sha256:" + "0" * 64, passing_report(), image=image)
    made = [*kubernetes(service).values(), *kserve(service, "pvc://models/x").values()]
    return copy.deepcopy([dict(each) for each in made])


def passing_report_time() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 21, tzinfo=UTC)


def test_the_schema_of_kubernetes_takes_them() -> None:
    for document in _documents():
        if not document["apiVersion"].startswith("serving.kserve.io"):
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_they_keep_the_rules() -> None:
    assert broken_rules(_documents()) == []


def _at(documents: Documents, kind: str) -> dict[str, Any]:
    return next(each for each in documents if each["kind"] == kind)


def _pod(documents: Documents) -> dict[str, Any]:
    pod: dict[str, Any] = _at(documents, "Deployment")["spec"]["template"]
    return pod


def _container(documents: Documents) -> dict[str, Any]:
    container: dict[str, Any] = _pod(documents)["spec"]["containers"][0]
    return container


SICK: dict[str, tuple[Callable[[Documents], object], str]] = {
    "port": (lambda d: _container(d)["ports"][0].update(containerPort=80800), "80800 is no port"),
    "service-port": (lambda d: _at(d, "Service")["spec"]["ports"][0].update(port=0), "0 is no port"),
    "closed-port": (
        lambda d: _at(d, "Service")["spec"]["ports"][0].update(targetPort="htp"),
        "no container opens the port htp",
    ),
    "selector": (
        lambda d: _at(d, "Deployment")["spec"]["selector"].update(matchLabels={"app": "x"}),
        "does not match the labels of its pods",
    ),
    "service-selector": (
        lambda d: _at(d, "Service")["spec"].update(selector={"app": "x"}),
        "its selector matches no pod",
    ),
    "budget": (
        lambda d: _at(d, "PodDisruptionBudget")["spec"]["selector"].update(matchLabels={"app": "x"}),
        "its selector matches no pod",
    ),
    "scaled": (
        lambda d: _at(d, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"].update(name="x"),
        "which is not there",
    ),
    "scale": (
        lambda d: _at(d, "HorizontalPodAutoscaler")["spec"].update(minReplicas=9),
        "at least 9 and at most 6",
    ),
    "memory": (
        lambda d: _container(d)["resources"]["requests"].update(memory="4Gi"),
        "memory: 4Gi are requested",
    ),
    "no-limit": (lambda d: _container(d)["resources"].pop("limits"), "cpu has no request or no limit"),
    "tag": (lambda d: _container(d).update(image="network:1.0.0"), "not pinned"),
    "probe": (lambda d: _container(d).pop("readinessProbe"), "there is no readinessProbe"),
    "writes": (
        lambda d: _container(d)["securityContext"].update(readOnlyRootFilesystem=False),
        "may write to its own files",
    ),
    "rights": (
        lambda d: _container(d)["securityContext"].pop("allowPrivilegeEscalation"),
        "may get more rights",
    ),
    "root": (lambda d: _pod(d)["spec"]["securityContext"].pop("runAsNonRoot"), "may run as root"),
    "volume": (lambda d: _pod(d)["spec"].pop("volumes"), "there is no volume tmp"),
    "runtime": (
        lambda d: _at(d, "ServingRuntime")["spec"]["containers"][0].update(image="x:1"),
        "ServingRuntime net-work-2-runtime: kserve-container: the image x:1 is not pinned",
    ),
}


@pytest.mark.parametrize("sickness", SICK)
def test_each_rule_finds_its_sick_manifest(sickness: str) -> None:
    spoil, says = SICK[sickness]
    documents = _documents()
    spoil(documents)
    assert any(says in each for each in broken_rules(documents)), broken_rules(documents)


def test_tags_may_be_allowed() -> None:
    assert broken_rules(_documents("network:1.0.0"), pinned=False) == []
    assert len(broken_rules(_documents("network:1.0.0"))) == 2


@pytest.mark.parametrize(
    ("text", "amount"), [("500m", 0.5), ("1Gi", 2**30), ("2", 2), ("1.5G", 1.5e9)], ids=str
)
def test_quantities(text: str, amount: float) -> None:
    assert quantity(text) == amount


@pytest.mark.parametrize("text", ["", "1 Gi", "x", "-1"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quantity(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [("PP-OCR_v4.rec", "pp-ocr-v4-rec"), ("3d", "model-3d"), ("-", "model"), ("x" * 80, "x" * 63)],
)
def test_names_as_dns_takes_them(text: str, name: str) -> None:
    assert dns_name(text) == name


def test_memory_is_what_was_measured_and_more() -> None:
    import dataclasses

    report = passing_report()
    big = dataclasses.replace(report, figures={"performance": {"performance.memory": 2000.0}})
    manifest = Manifest("n", "1", passing_report_time(), (), ())
    assert service_of(manifest, "", report).memory == 512
    assert service_of(manifest, "", big).memory == 3328  # 1.5 x 2000 + 256, in steps of 128


@pytest.mark.parametrize(
    "said", [{"replicas": 9}, {"cpu": 0}, {"memory": 1}, {"image": "a b"}, {"image": "UPPER:1"}], ids=str
)
def test_values_that_make_no_sense(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        service_of(Manifest("n", "1", passing_report_time(), (), ()), "", passing_report(), **said)


# -- as files ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy")
    bundle = network_bundle(folder)
    assert main(["deploy", str(bundle.folder), "--image", IMAGE, "-o", str(folder / "out")]) == 0
    return folder / "out"


def test_the_bundle_holds_them_with_a_tag_and_says_so(tmp_path: Path) -> None:
    made = {item.path: item.content for item in deployment.DELIVERABLE.make(network_handover(tmp_path))}
    text = made["deploy/kubernetes/deployment.yaml"]
    assert isinstance(text, bytes)
    assert b"seatrial deploy BUNDLE --image" in text
    assert yaml.safe_load(text)["spec"]["template"]["spec"]["containers"][0]["image"] == "network:1.0.0"


def test_the_command_writes_what_keeps_the_rules(written: Path) -> None:
    files = [*(written / "kubernetes").iterdir(), *(written / "kserve").iterdir()]
    documents = [yaml.safe_load(each.read_text()) for each in files]
    assert len(documents) == 6
    assert broken_rules(documents) == []


def test_compose_takes_its_file(written: Path) -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    command = [tool, "--builtin-schema", "vendor.compose-spec", written / "compose" / "compose.yaml"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_systemd_takes_its_unit(written: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    unit = tmp_path / "network.service"
    text = (written / "systemd" / "network.service").read_text()
    unit.write_text(text.replace("/opt/seatrial/bin/seatrial", sys.executable))
    checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert not [line for line in checked.stderr.splitlines() if "network.service" in line], checked.stderr


def test_an_image_with_a_tag_is_refused_unless_it_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = network_bundle(tmp_path)
    asked = ["deploy", str(bundle.folder), "--image", "network:1.0.0", "-o", str(tmp_path / "out")]
    assert main(asked) == 2
    assert "may be turned to another image" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*asked, "--unpinned"]) == 0


def test_a_changed_bundle_gets_no_manifests(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)
    (bundle.folder / "labels.txt").write_text("a\n")
    assert main(["deploy", str(bundle.folder), "--image", IMAGE, "-o", str(tmp_path / "out")]) == 4
