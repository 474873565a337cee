"""Provenance: what the signer states of the making, for these files and no others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seatrial.cli.main import main
from seatrial.errors import TrustError, UsageError
from seatrial.trust.keys import new_key, save
from seatrial.trust.provenance import NAME, sign_provenance, verify_provenance
from support.signed_bundles import small_bundle

ANN, BOB = new_key(), new_key()
FACTS = {"commit": "1a2b3c4d", "repository": "git+ssh://example.com/models", "builder": "line 3"}


def test_facts_come_back_as_they_were_signed(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path)
    payload = json.loads(sign_provenance(bundle, FACTS, ANN).payload)
    assert verify_provenance(bundle, [ANN.public]) == FACTS
    source = payload["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert source == {"uri": FACTS["repository"], "digest": {"gitCommit": "1a2b3c4d"}}


def test_no_provenance_is_no_fault(tmp_path: Path) -> None:
    assert verify_provenance(small_bundle(tmp_path), [ANN.public]) == {}


def test_provenance_of_a_stranger_is_refused(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path)
    sign_provenance(bundle, FACTS, BOB)
    with pytest.raises(TrustError, match=r"^wrong key"):
        verify_provenance(bundle, [ANN.public])


def test_provenance_of_another_bundle_is_refused(tmp_path: Path) -> None:
    one, two = small_bundle(tmp_path / "1"), small_bundle(tmp_path / "2", version="2.0.0")
    sign_provenance(one, FACTS, ANN)
    (two.folder / "signatures").mkdir()
    shutil.copy(one.folder / NAME, two.folder / NAME)
    with pytest.raises(TrustError, match=r"^other bundle"):
        verify_provenance(two, [ANN.public])


def test_other_facts_do_not_slip_under_old_signatures(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path)
    sign_provenance(bundle, FACTS, ANN)
    with pytest.raises(TrustError, match=r"^other content: provenance.dsse.json"):
        sign_provenance(bundle, {"commit": "other"}, BOB)
    with pytest.raises(UsageError):
        sign_provenance(bundle, {}, BOB)


def test_the_commands_state_and_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    bundle = str(small_bundle(tmp_path / "bundle").folder)
    secret, public = save(ANN, tmp_path / "ann", passphrase=None)
    assert main(["sign", bundle, "--key", str(secret), "--provenance", "commit"]) == 2
    assert main(["sign", bundle, "--key", str(secret), "--provenance", "commit=1a2b"]) == 0
    assert main(["verify", bundle, "--key", str(public)]) == 0
    assert "made from  commit: 1a2b" in capfd.readouterr().out
