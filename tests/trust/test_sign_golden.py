"""Bundles that an earlier version signed verify for ever; their private keys were thrown away.

When the format changes, add a folder `v2` beside `v1`; what lies there is never changed.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seatrial.errors import TrustError
from seatrial.model.bundle import open_bundle
from seatrial.trust.dsse import read_envelope
from seatrial.trust.keys import load_public
from seatrial.trust.openssf import verify_openssf
from seatrial.trust.roots import holding, read_roots
from seatrial.trust.signing import ENVELOPE
from seatrial.trust.statement import statement_of
from seatrial.trust.verification import verify_bundle

V1 = Path(__file__).resolve().parent.parent / "golden" / "signed" / "v1"
ANN, BOB, OPENSSF = (load_public(V1 / f"{each}.pub") for each in ("ann", "bob", "openssf"))
DIGEST = "sha256:d8bc9cb5baced4942b29c19dc12f0db9d6b8e735451d42efeeaeedda12cf5f17"


def test_version_1_verifies() -> None:
    verified = verify_bundle(open_bundle(V1 / "digits-1.0.0"), [ANN, BOB], threshold=2)
    assert verified.bundle.digest == DIGEST
    assert (verified.gate.verdict, verified.despite) == ("PASS", "")


def test_version_1_with_a_reason_verifies() -> None:
    verified = verify_bundle(open_bundle(V1 / "despite-1.0.0"), [ANN])
    assert (verified.gate.verdict, verified.despite) == ("FAIL", "kept for the tests")


def test_the_roots_of_version_1_verify() -> None:
    root = holding(read_roots((V1 / "roots.json").read_bytes()), now=datetime(2026, 11, 21, tzinfo=UTC))
    assert (root.name, root.version, root.keys) == ("golden", 2, (ANN, BOB))
    verify_bundle(open_bundle(V1 / "digits-1.0.0"), root.keys, threshold=root.threshold, revoked=root.removed)


def test_openssf_signatures_of_version_1_and_of_its_own_tool_verify() -> None:
    assert verify_openssf(V1 / "digits-1.0.0", OPENSSF).files == 4
    peers = V1 / "model-signing-1.1.1.sig"
    assert verify_openssf(V1 / "digits-1.0.0", OPENSSF, signature=peers).files == 4


def test_the_same_bundle_is_stated_in_the_same_bytes() -> None:
    """Whoever signs today adds to the signatures of then."""
    bundle = open_bundle(V1 / "digits-1.0.0")
    verified = verify_bundle(bundle, [ANN])
    envelope = read_envelope((bundle.folder / ENVELOPE).read_bytes())
    assert statement_of(bundle, verified.gate).to_bytes() == envelope.payload


def test_golden_bundles_are_refused_once_changed(tmp_path: Path) -> None:
    shutil.copytree(V1 / "digits-1.0.0", tmp_path / "digits")
    (tmp_path / "digits" / "models" / "onnx" / "model.onnx").write_bytes(b"x")
    with pytest.raises(TrustError, match=r"^changed"):
        verify_bundle(open_bundle(tmp_path / "digits"), [ANN])
