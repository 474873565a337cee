"""A bundle from what the user has: refused when it is not what was checked, the same bytes each time."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seatrial import extensions
from seatrial.checks import Verdict
from seatrial.contract import load_contract
from seatrial.deliverables import Deliverable, Item, Order, all_deliverables, handover_of, write_bundle
from seatrial.errors import NotFound, SeatrialError, TrustError, UsageError
from seatrial.model import open_model
from seatrial.model.manifest import NAME, ROLES
from seatrial.text import Text
from support import networks
from support.handovers import network_bundle, network_handover, report_of


def _order(folder: Path, **changes: object) -> Order:
    artifact = open_model(networks.write_network(folder / "net", "paddle-json"))
    contract = networks.contract()
    order = Order(
        name="network",
        version="1.0.0",
        models=(artifact,),
        contract=contract,
        report=report_of(artifact, contract),
        held_out=networks.held_out(),
    )
    return dataclasses.replace(order, **changes)  # type: ignore[arg-type]


def test_made_twice_from_other_folders_the_bytes_are_the_same(tmp_path: Path) -> None:
    one, two = network_bundle(tmp_path / "here"), network_bundle(tmp_path / "there" / "deeper")
    assert one.digest == two.digest
    assert (one.folder / NAME).read_bytes() == (two.folder / NAME).read_bytes()
    one.verify()


def test_no_path_of_this_machine_is_in_it(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)
    here = str(tmp_path).encode()
    assert [each.path for each in bundle.manifest.files if here in bundle.path(each).read_bytes()] == []


def test_the_digest_is_that_of_the_manifest_and_the_manifest_that_of_the_files(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)
    data = (bundle.folder / NAME).read_bytes()
    assert bundle.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    for each in bundle.manifest.files:
        assert each.sha256 == "sha256:" + hashlib.sha256(bundle.path(each).read_bytes()).hexdigest()
        assert each.role in ROLES


def test_the_contract_in_it_is_the_one_given(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)
    read = load_contract(bundle.folder / "contract.yaml")
    assert read.digest() == networks.contract().digest() == bundle.manifest.extra["contract"]
    assert (bundle.folder / "labels.txt").read_text().split() == ["north", "east", "south", "west"]


def test_the_configuration_is_carried_as_it_was(tmp_path: Path) -> None:
    config = tmp_path / "train.yml"
    config.write_text("epochs: 3  # and why\n")
    bundle = network_bundle(tmp_path, config=config)
    assert bundle.read("config.yml") == config.read_bytes()


def test_what_it_replaces_is_named(tmp_path: Path) -> None:
    before = network_bundle(tmp_path, "before")
    after = network_bundle(tmp_path, "after", previous=before, version="1.1.0")
    assert after.manifest.extra["previous"] == {"release": "network@1.0.0", "digest": before.digest}


def test_a_license_may_be_asked_for(tmp_path: Path) -> None:
    assert "license_required" not in network_bundle(tmp_path, "free").manifest.extra
    assert network_bundle(tmp_path, "bound", license_required=True).manifest.extra["license_required"] is True


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)
    with pytest.raises(UsageError, match="there already"):
        network_bundle(tmp_path)
    bundle.verify()


def test_nothing_is_left_of_a_bundle_that_could_not_be_made(tmp_path: Path) -> None:
    def broken(_: object) -> list[Item]:
        raise UsageError("no")

    handover = network_handover(tmp_path / "made")
    failing = Deliverable("x", 1, Text("x", "x"), broken)
    with pytest.raises(UsageError, match="no"):
        write_bundle(handover, tmp_path / "out" / "b", deliverables=[*all_deliverables()[:2], failing])
    assert list((tmp_path / "out").iterdir()) == []


def test_two_deliverables_do_not_make_one_file(tmp_path: Path) -> None:
    one = Deliverable("x", 1, Text("x", "x"), lambda _: [Item("a", "other", b"", "text/plain")])
    with pytest.raises(UsageError, match="there already"):
        write_bundle(network_handover(tmp_path / "made"), tmp_path / "b", deliverables=[one, one])


def test_a_deliverable_cannot_write_elsewhere(tmp_path: Path) -> None:
    one = Deliverable("x", 1, Text("x", "x"), lambda _: [Item("../a", "other", b"", "text/plain")])
    with pytest.raises(ValueError, match="does not stay"):
        write_bundle(network_handover(tmp_path / "made"), tmp_path / "b", deliverables=[one])


# -- what is refused before anything is run ------------------------------------------------------------------
def _refused(order: Order, error: type[SeatrialError], says: str) -> None:
    with pytest.raises(error, match=says):
        handover_of(order)


def test_a_report_about_another_model(tmp_path: Path) -> None:
    order = _order(tmp_path)
    subject = {**order.report.subject, "model": "sha256:" + "1" * 64}
    _refused(
        dataclasses.replace(order, report=dataclasses.replace(order.report, subject=subject)),
        TrustError,
        "about another model",
    )


def test_a_report_about_another_contract(tmp_path: Path) -> None:
    order = _order(tmp_path)
    other = dataclasses.replace(order.contract, labels=("a", "b", "c", "d"))
    _refused(dataclasses.replace(order, contract=other), TrustError, "about another contract")


@pytest.mark.parametrize("change", [{"verdict": Verdict.FAIL}, {"partial": True}], ids=["fail", "partial"])
def test_a_report_that_does_not_say_yes(tmp_path: Path, change: dict[str, object]) -> None:
    order = _order(tmp_path)
    report = dataclasses.replace(order.report, **change)  # type: ignore[arg-type]
    _refused(dataclasses.replace(order, report=report), TrustError, "the gate does not say yes")


@pytest.mark.parametrize(
    ("change", "says"),
    [({"name": "a/b"}, "the name"), ({"version": ""}, "the version")],
    ids=["name", "version"],
)
def test_names_that_cannot_be_used(tmp_path: Path, change: dict[str, object], says: str) -> None:
    _refused(_order(tmp_path, **change), UsageError, says)


def test_one_format_twice(tmp_path: Path) -> None:
    order = _order(tmp_path)
    _refused(dataclasses.replace(order, models=order.models * 2), UsageError, "two paddle-json models")


@pytest.mark.parametrize(
    ("text", "error"),
    [(None, NotFound), ("[1, 2]", UsageError), ("a: [", UsageError)],
    ids=["gone", "list", "damaged"],
)
def test_a_configuration_that_says_nothing(
    tmp_path: Path, text: str | None, error: type[SeatrialError]
) -> None:
    config = tmp_path / "c.yaml"
    if text is not None:
        config.write_text(text)
    _refused(_order(tmp_path, config=config), error, "configuration|cannot be read|holds no fields")


# -- conformance: what every deliverable keeps ---------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(extensions.find("seatrial.deliverables", "DELIVERABLE")))
def test_every_deliverable(name: str, tmp_path: Path) -> None:
    deliverable: Deliverable = extensions.get("seatrial.deliverables", "DELIVERABLE", name)
    assert deliverable.name == name
    assert deliverable.summary.en
    assert deliverable.summary.zh
    handover = network_handover(tmp_path / "here")
    later = dataclasses.replace(
        network_handover(tmp_path / "there"), created=datetime(2027, 1, 1, tzinfo=UTC)
    )
    first, again = _made(deliverable, handover), _made(deliverable, handover)
    assert first == again
    assert set(first) == set(_made(deliverable, later))
    for path, (item, data) in first.items():
        assert item.role in ROLES, path
        assert "/" in item.media_type, path
        assert str(tmp_path).encode() not in data, path


def _made(deliverable: Deliverable, handover: object) -> dict[str, tuple[Item, bytes]]:
    made = {}
    for item in deliverable.make(handover):  # type: ignore[arg-type]
        data = item.content if isinstance(item.content, bytes) else item.content.read_bytes()
        made[item.path] = (dataclasses.replace(item, content=b""), data)
    return made
