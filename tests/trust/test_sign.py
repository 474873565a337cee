"""Signing: what the gate vouches for and nothing else, once over the bytes, without hurting what is there."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.errors import TrustError, UsageError
from seatrial.model.manifest import SIGNATURES
from seatrial.trust import signing
from seatrial.trust.dsse import read_envelope
from seatrial.trust.keys import PrivateKey, new_key
from seatrial.trust.signing import ENVELOPE, sign_bundle
from seatrial.trust.statement import read_statement
from seatrial.trust.verification import verify_bundle
from support.signed_bundles import GRAPH, MODEL, small_bundle


@pytest.fixture
def key() -> PrivateKey:
    return new_key()


def test_a_signed_bundle_verifies(tmp_path: Path, key: PrivateKey) -> None:
    bundle = small_bundle(tmp_path)
    sign_bundle(bundle, key)
    verified = verify_bundle(bundle, [key.public])
    assert verified.signers == (key.public,)
    assert (verified.gate.verdict, verified.gate.objection, verified.despite) == ("PASS", "", "")


def test_the_statement_names_every_file_and_the_verdict(tmp_path: Path, key: PrivateKey) -> None:
    bundle = small_bundle(tmp_path)
    statement = read_statement(sign_bundle(bundle, key).payload, "it")
    assert set(statement.subject) == {each.path for each in bundle.manifest.files} | {"manifest.json"}
    assert statement.predicate["bundle"] == bundle.digest
    assert statement.predicate["created"] == "2026-11-21T00:00:00Z"
    assert statement.predicate["report"]["verdict"] == "PASS"
    assert statement.predicate["report"]["digest"] == bundle.manifest.of_role("report")[0].sha256


def test_equal_bundles_get_equal_signatures(tmp_path: Path, key: PrivateKey) -> None:
    one, two = small_bundle(tmp_path / "a"), small_bundle(tmp_path / "b")
    assert sign_bundle(one, key).to_bytes() == sign_bundle(two, key).to_bytes()


def test_another_signature_leaves_the_old_ones(tmp_path: Path, key: PrivateKey) -> None:
    bundle, other = small_bundle(tmp_path), new_key()
    before = sign_bundle(bundle, key).signatures
    after = sign_bundle(bundle, other).signatures
    assert after[:1] == before
    assert verify_bundle(bundle, [key.public, other.public], threshold=2).signers == (
        key.public,
        other.public,
    )
    assert len(sign_bundle(bundle, key).signatures) == 2, "the same key signs once, however often it is asked"


def test_two_who_sign_at_once_both_count(tmp_path: Path) -> None:
    bundle, keys = small_bundle(tmp_path), [new_key() for _ in range(8)]
    threads = [threading.Thread(target=sign_bundle, args=(bundle, each)) for each in keys]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(verify_bundle(bundle, [each.public for each in keys], threshold=8).signers) == 8


def test_a_file_that_is_renamed_while_its_folder_is_read_is_not_there(
    tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = small_bundle(tmp_path)
    sign_bundle(bundle, key)
    passing = tmp_path / SIGNATURES / ".bundle.dsse.json.new"
    passing.touch()

    @contextlib.contextmanager
    def scandir(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with real(folder) as entries:
            found = list(entries)
        if Path(folder) == passing.parent:
            passing.unlink()
        yield iter(found)

    real = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    bundle.verify()
    assert not passing.exists()


def test_a_write_that_fails_leaves_the_old_signatures(
    tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = small_bundle(tmp_path)
    sign_bundle(bundle, key)
    before = (tmp_path / ENVELOPE).read_bytes()

    def full(handle: int) -> None:  # noqa: ARG001 - the signature of os.fsync
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(signing.os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        sign_bundle(bundle, new_key())
    assert (tmp_path / ENVELOPE).read_bytes() == before
    assert [each.name for each in (tmp_path / ENVELOPE).parent.iterdir()] == ["bundle.dsse.json"]


@pytest.mark.parametrize(
    ("report", "says"),
    [
        ({"verdict": "FAIL", "reason": {"en": "numbers moved"}}, "report says FAIL: numbers moved"),
        ({"partial": True}, "some of the checks only"),
        ({"subject": {"model": "sha256:" + "e" * 64}}, "about the model sha256:eeee"),
        ({"verdict": "WARN"}, "report says WARN"),
    ],
    ids=["FAIL", "partial", "another model", "an unknown verdict"],
)
def test_what_the_gate_does_not_vouch_for_is_not_signed(
    tmp_path: Path, key: PrivateKey, report: dict[str, object], says: str
) -> None:
    bundle = small_bundle(tmp_path, report=report)
    with pytest.raises(TrustError, match=f"^gate: .*{says}"):
        sign_bundle(bundle, key)
    assert not (tmp_path / ENVELOPE).exists()


def test_despite_is_signed_and_shown(tmp_path: Path, key: PrivateKey) -> None:
    bundle = small_bundle(tmp_path, report={"verdict": "FAIL"})
    sign_bundle(bundle, key, despite="a demo for one customer")
    verified = verify_bundle(bundle, [key.public])
    assert verified.despite == "a demo for one customer"
    assert "FAIL" in verified.gate.objection


def test_another_reason_does_not_slip_under_old_signatures(tmp_path: Path, key: PrivateKey) -> None:
    bundle = small_bundle(tmp_path, report={"verdict": "FAIL"})
    sign_bundle(bundle, key, despite="a demo")
    with pytest.raises(TrustError, match=r"^other content: .*'a demo'"):
        sign_bundle(bundle, new_key(), despite="production")


def test_a_reason_that_is_not_needed_is_not_recorded(tmp_path: Path, key: PrivateKey) -> None:
    bundle = small_bundle(tmp_path)
    assert b"despite" not in sign_bundle(bundle, key, despite="just in case").payload


def test_a_bundle_that_is_not_as_listed_is_not_signed(tmp_path: Path, key: PrivateKey) -> None:
    bundle = small_bundle(tmp_path)
    (tmp_path / MODEL).write_bytes(GRAPH[::-1])
    with pytest.raises(TrustError, match=r"^changed: models/onnx"):
        sign_bundle(bundle, key)


def test_old_signatures_over_other_content_are_not_mixed_with_new(tmp_path: Path, key: PrivateKey) -> None:
    sign_bundle(small_bundle(tmp_path), key)
    with pytest.raises(TrustError, match=r"^other content"):
        sign_bundle(small_bundle(tmp_path, version="1.0.1"), key)
    assert (
        read_statement(read_envelope((tmp_path / ENVELOPE).read_bytes()).payload, "it").predicate["version"]
        == "1.0.0"
    )


def test_a_link_for_a_signatures_folder_is_not_followed(tmp_path: Path, key: PrivateKey) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    (tmp_path / "elsewhere").mkdir()
    (bundle.folder / "signatures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrustError, match=r"^link"):
        sign_bundle(bundle, key)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_nobody_signs_with_no_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no key"):
        sign_bundle(small_bundle(tmp_path))
