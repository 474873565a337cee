"""`device` and `license` as people type them: exit codes, what is shown, and what never is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from seatrial.cli.main import main
from seatrial.model.bundle import open_bundle
from seatrial.trust import machine
from seatrial.trust.holders import new_holder, save_holder
from seatrial.trust.sealing import seal
from support.signed_bundles import small_bundle

PARTS = {"machine-id": "0123456789abcdef", "mac": "00:1b:21:aa:bb:cc", "disk-serial": "S5GXNX0R"}
ISSUE = ("license", "issue", "--key", "issuer.key", "--for", "device.pub.json", "--id", "L-1", "-o", "x.json")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a bundle, an issuer's key and an enrolled device."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "read_parts", lambda: dict(PARTS))
    small_bundle(tmp_path / "digits-1.0.0")
    assert main(["keys", "new", "-o", "issuer", "--no-passphrase"]) == 0
    assert main(["device", "enroll", "--issuer", "issuer.pub"]) == 0
    return tmp_path


def shown(capfd: pytest.CaptureFixture[str]) -> str:
    told = capfd.readouterr()
    assert not any(value in told.out + told.err for value in PARTS.values())
    return told.out + told.err


@pytest.mark.usefixtures("here")
def test_the_whole_way(capfd: pytest.CaptureFixture[str]) -> None:
    limits = [
        "--days",
        "30",
        "--calls",
        "1000",
        "--rate",
        "10",
        "--revocation-days",
        "9",
        "--customer",
        "ACME",
    ]
    assert main([*ISSUE, "--bundle", "digits-1.0.0", *limits]) == 0
    capfd.readouterr()
    assert main(["license", "show", "x.json", "--issuer", "issuer.pub"]) == 0
    told = shown(capfd)
    for each in (
        "license    L-1, number 1, for ACME",
        f"bundles    {open_bundle(Path('digits-1.0.0')).digest}",
        "7 days of grace; 30 days left",
        "calls      1,000 in all, counted on the device",
        "rate       10 rows a second",
        "binding    fingerprint: medium",
        "machine    2 of 3 parts must be the same",
        "a list of at most 9 days",
        "signature  good",
    ):
        assert each in told, told
    assert main(["license", "show", "x.json"]) == 0
    assert "signature  NOT CHECKED" in shown(capfd)
    assert main(["license", "revoke", "L-1", "--key", "issuer.key", "--why", "over"]) == 0
    assert main(["license", "revoke", "--key", "issuer.key"]) == 0
    assert "number 2, 1 licenses taken back" in shown(capfd)


def test_a_device_is_shown_and_refused_elsewhere(
    here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["device", "show"]) == 0
    told = shown(capfd)
    assert re.search(r"mac +as enrolled", told)
    assert "NOT found out: there is no anchor" in told
    assert json.loads((here / "device.pub.json").read_bytes())["id"] in told
    monkeypatch.setattr(machine, "read_parts", lambda: PARTS | {"mac": "x", "disk-serial": "y"})
    assert main(["device", "show"]) == 4
    assert "wrong machine: 1 of 3 parts" in shown(capfd)


@pytest.mark.usefixtures("here")
def test_a_license_of_somebody_else(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "-o", "other", "--no-passphrase"]) == 0
    assert main([*ISSUE, "--bundle", "digits@*"]) == 0
    assert main(["license", "show", "x.json", "--issuer", "other.pub"]) == 4
    assert "none of the trusted keys signed the license" in shown(capfd)


def test_a_sealed_bundle_needs_the_key_it_was_sealed_for(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    holder = new_holder()
    save_holder(holder, here / "office", passphrase=None)
    sealed = seal(open_bundle(here / "digits-1.0.0"), here / "sealed", [holder.public_key()])
    assert main([*ISSUE, "--bundle", "sealed"]) == 2
    assert "--seal-key" in shown(capfd)
    assert main([*ISSUE, "--bundle", "sealed", "--seal-key", "office.key"]) == 0
    assert main(["license", "show", "x.json"]) == 0
    told = shown(capfd)
    assert open_bundle(here / "digits-1.0.0").digest in told  # of what was sealed
    assert sealed.digest not in told
    assert "keys       of 1 sealed bundles" in told


def test_what_cannot_be_issued(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save_holder(new_holder(), here / "customer", passphrase=None)
    words = [*ISSUE, "--bundle", "digits@*"]
    for more, why in (
        (["--for", "customer.pub", "--calls", "5"], "calls are counted on a device"),
        (["--online", "http://x"], "--online and --online-key go together"),
        (["--id", "no id"], "there can be no such license"),
        (["--for", "nowhere.json"], "there is no device"),
    ):
        assert main([*words, *more]) == 2
        assert why in shown(capfd)
    assert not (here / "x.json").exists()
    assert main([*words, "--for", "customer.pub"]) == 0
    assert main(words) == 2
    assert "there already" in shown(capfd)


@pytest.mark.usefixtures("here")
def test_what_cannot_be_enrolled(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "enroll", "-o", "device.json"]) == 2
    assert main(["device", "enroll", "-o", "two.json", "-k", "9"]) == 2
    assert main(["device", "enroll", "-o", "two.json", "--tpm", "-k", "1"]) == 2
    assert "--tpm binds to the TPM alone" in shown(capfd)
    assert main(["device", "enroll", "-o", "two.json", "--unbound"]) == 0
    assert "none: the device file works wherever it is copied to" in shown(capfd)
