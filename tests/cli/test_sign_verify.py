"""`keys`, `sign` and `verify` as people type them: exit codes, what is shown, and what never is."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.cli.main import main
from support.signed_bundles import MODEL, small_bundle


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a bundle, a passphrase and two keys: ann (Ed25519, encrypted) and bob (P-256)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SECRET", "correct horse")
    small_bundle(tmp_path / "digits-1.0.0")
    assert main(["keys", "new", "-o", "ann", "--passphrase-env", "SECRET"]) == 0
    assert main(["keys", "new", "-o", "bob", "--no-passphrase", "--openssf"]) == 0
    return tmp_path


def sign(*words: str) -> int:
    return main(["sign", "digits-1.0.0", *words])


def test_the_whole_way(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert sign("--key", "ann.key", "--passphrase-env", "SECRET", "--openssf-key", "bob.key") == 0
    assert main(["bundle", "pack", "digits-1.0.0"]) == 0
    for what in ("digits-1.0.0", "digits-1.0.0.tar.zst"):
        capfd.readouterr()
        assert main(["verify", what, "--key", "ann.pub", "--openssf-key", "bob.pub"]) == 0
        shown = capfd.readouterr()
        for each in ("digits@1.0.0", "signed by  ann (ed25519", "gate       PASS", "OpenSSF    4 files"):
            assert each in shown.out
        assert not shown.err
    (here / "digits-1.0.0" / MODEL).write_bytes(b"x")
    assert main(["verify", "digits-1.0.0", "--key", "ann.pub"]) == 4
    assert "error: changed: models/onnx/model.onnx" in capfd.readouterr().err


@pytest.mark.usefixtures("here")
def test_without_a_key_nobody_vouches_and_it_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "digits-1.0.0"]) == 0
    shown = capfd.readouterr()
    assert "NOBODY VOUCHES" in shown.err
    assert "signed by" not in shown.out


def test_the_gate_refuses_and_a_reason_is_shown_to_all(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    small_bundle(here / "digits-1.0.0", report={"verdict": "FAIL"})
    assert sign("--key", "bob.key") == 4
    assert "gate: the bundle is not signed, its report says FAIL" in capfd.readouterr().err
    assert sign("--key", "bob.key", "--despite", "for a demo") == 0
    assert main(["verify", "digits-1.0.0", "--key", "bob.pub"]) == 0
    assert "signed DESPITE the gate: for a demo" in capfd.readouterr().err


def test_an_older_version_is_refused_where_a_newer_was_verified(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small_bundle(here / "old", version="0.9.0")
    for each in ("old", "digits-1.0.0"):
        assert main(["sign", each, "--key", "bob.key"]) == 0
        assert main(["verify", each, "--key", "bob.pub"]) == 0
    assert main(["verify", "old", "--key", "bob.pub"]) == 4
    assert "older: this is digits@0.9.0, and 1.0.0" in capfd.readouterr().err
    assert main(["verify", "old", "--key", "bob.pub", "--allow-older"]) == 0
    assert main(["verify", "old", "--key", "bob.pub", "--at-least", "1.0.0", "--allow-older"]) == 4


def test_what_was_not_signed_is_not_remembered(here: Path) -> None:
    assert main(["verify", "digits-1.0.0"]) == 0
    assert main(["verify", "digits-1.0.0", "--key", "bob.pub"]) == 4
    assert not (here / "home" / "trust.json").exists()


def test_roots_from_the_first_to_a_stolen_key(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = ["keys", "root"]
    secret = ["--passphrase-env", "SECRET"]
    begin = ["--name", "acme", "--key", "ann.pub", "--key", "bob.pub", "--threshold", "2"]
    assert main([*root, "new", "roots.json", *begin, "--sign", "bob.key"]) == 0
    assert "not good yet, too few: 1 of 2" in capfd.readouterr().err
    assert main(["verify", "digits-1.0.0", "--roots", "roots.json"]) == 4
    assert main([*root, "sign", "roots.json", "--sign", "ann.key", *secret]) == 0
    assert sign("--key", "ann.key", "--key", "bob.key", *secret) == 0
    assert main(["verify", "digits-1.0.0", "--roots", "roots.json"]) == 0
    assert "root       acme version 1, 2 of 2" in capfd.readouterr().out
    (here / "old.json").write_bytes((here / "roots.json").read_bytes())
    assert main(["keys", "new", "-o", "eve", "--no-passphrase"]) == 0
    change = ["--out", "bob.pub", "--in", "eve.pub", "--reason", "stolen", "--threshold", "1"]
    signers = ["--sign", "ann.key", "--sign", "bob.key", *secret]
    assert main([*root, "rotate", "roots.json", *change, *signers]) == 0
    assert main(["verify", "digits-1.0.0", "--roots", "roots.json"]) == 0
    assert main(["verify", "digits-1.0.0", "--roots", "old.json"]) == 4
    assert "older root: version 1 of acme" in capfd.readouterr().err
    assert main([*root, "show", "roots.json"]) == 0
    assert "REMOVED: stolen" in capfd.readouterr().out


@pytest.mark.usefixtures("here")
def test_adding_and_removing_a_key(capfd: pytest.CaptureFixture[str]) -> None:
    root = ["keys", "root"]
    assert main(["keys", "new", "-o", "eve", "--no-passphrase"]) == 0
    signed = ["--sign", "bob.key"]
    assert main([*root, "new", "roots.json", "--name", "acme", "--key", "bob.pub", *signed]) == 0
    assert main([*root, "add", "roots.json", "eve.pub", *signed]) == 0
    assert sign("--key", "eve.key") == 0
    assert main(["verify", "digits-1.0.0", "--roots", "roots.json"]) == 0
    assert main([*root, "remove", "roots.json", "eve.pub", "--reason", "left", *signed]) == 0
    assert main(["verify", "digits-1.0.0", "--roots", "roots.json"]) == 4
    assert "revoked: it was signed by" in capfd.readouterr().err
    assert main([*root, "remove", "roots.json", "0123", "--reason", "left", *signed]) == 2


def test_secrets_are_never_shown(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert main(["keys", "show", "ann.key", "--passphrase-env", "SECRET"]) == 0
    assert main(["keys", "show", "bob.key"]) == 0
    assert main(["keys", "show", "ann.pub"]) == 0
    (here / "wrong").write_text("wrong horse\n")
    assert main(["keys", "show", "ann.key", "--passphrase-file", "wrong"]) == 4
    shown = "".join(capfd.readouterr())
    assert "PRIVATE" not in shown
    assert "horse" not in shown
    body = "".join((here / "bob.key").read_text().splitlines()[1:-1])
    assert body[10:40] not in shown


def test_a_passphrase_has_one_source(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "pw").write_text("pw\n")
    words = ["keys", "new", "-o", "eve"]
    assert main([*words, "--passphrase-file", "pw", "--passphrase-env", "SECRET"]) == 2
    assert main([*words, "--passphrase-file", "pw", "--no-passphrase"]) == 2
    assert main([*words, "--passphrase-env", "NOT_THERE"]) == 2
    assert main([*words]) == 2
    assert "no terminal to ask at" in capfd.readouterr().err
    assert not (here / "eve.key").exists()


def test_any_folder_verifies_by_openssf(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert sign("--openssf-key", "bob.key") == 0
    (here / "digits-1.0.0").rename(here / "model")
    (here / "model" / "signatures" / "model.sig").rename(here / "model.sig")
    words = ["--openssf-key", "bob.pub", "--openssf-signature", "model.sig"]
    assert main(["verify", "model", *words]) == 0
    (here / "model" / "manifest.json").unlink()
    assert main(["verify", "model", *words]) == 4
    assert "missing: manifest.json" in capfd.readouterr().err


@pytest.mark.usefixtures("here")
def test_options_that_exclude_each_other() -> None:
    assert main(["verify", "digits-1.0.0", "--threshold", "2"]) == 2
    assert main(["verify", "digits-1.0.0", "--roots", "r.json", "--key", "bob.pub"]) == 2
    assert main(["verify", "digits-1.0.0", "--roots", "r.json"]) == 2
    assert main(["verify", "not-there"]) == 2
    assert main(["sign", "digits-1.0.0"]) == 2
