"""What the gate is asked of sealed bundles, and of contracts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.contract import draft_contract, load_contract, save_contract
from seatrial.contract.tensor import TensorSpec
from seatrial.errors import TrustError
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.model.manifest import NAME, canonical
from seatrial.trust.holders import new_holder
from seatrial.trust.keys import new_key
from seatrial.trust.sealing import seal
from seatrial.trust.signing import sign_bundle
from seatrial.trust.verification import verify_bundle
from support.signed_bundles import MODEL, small_bundle

ANN = new_key()


@pytest.fixture
def sealed(tmp_path: Path) -> Bundle:
    return seal(small_bundle(tmp_path / "plain"), tmp_path / "sealed", [new_holder().public_key()])


def test_a_sealed_bundle_is_signed_and_verified(sealed: Bundle) -> None:
    sign_bundle(sealed, ANN)
    assert verify_bundle(sealed, [ANN.public]).gate.objection == ""


def test_a_changed_byte_of_a_sealed_file_is_refused(sealed: Bundle) -> None:
    sign_bundle(sealed, ANN)
    path = sealed.folder / f"{MODEL}.sealed"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(TrustError, match=rf"^changed: {MODEL}.sealed"):
        verify_bundle(sealed, [ANN.public])


def test_a_seal_that_speaks_of_another_model_is_not_signed(sealed: Bundle) -> None:
    said = json.loads((sealed.folder / NAME).read_bytes())
    entry = next(each for each in said["files"] if each["path"] == f"{MODEL}.sealed")
    entry["plain"]["sha256"] = "sha256:" + "e" * 64
    (sealed.folder / NAME).write_bytes(canonical(said))
    with pytest.raises(TrustError, match=r"it lists the bundle sha256:.*, sealed was"):
        sign_bundle(open_bundle(sealed.folder), ANN)


def with_contract(folder: Path, *, checked: str = "") -> Bundle:
    """A bundle with a contract, and a report that is about it or about `checked`."""
    inputs, outputs = ((TensorSpec(each, "float32", (None, 4)),) for each in "xy")
    contract = draft_contract(inputs, outputs, "digits")
    save_contract(contract, folder.parent / "contract.yaml")
    digest = load_contract(folder.parent / "contract.yaml").digest()
    data = (folder.parent / "contract.yaml").read_bytes()
    files = {"contract.yaml": ("contract", data)}
    subject = {"model": small_bundle(folder).manifest.models[0].digest, "contract": checked or digest}
    return small_bundle(folder, report={"subject": subject}, files=files)


def test_the_contract_that_was_checked_is_signed(tmp_path: Path) -> None:
    bundle = with_contract(tmp_path / "bundle")
    sign_bundle(bundle, ANN)
    verify_bundle(bundle, [ANN.public])
    assert verify_bundle(bundle).gate.objection == ""


def test_another_contract_than_was_checked_is_not_signed(tmp_path: Path) -> None:
    bundle = with_contract(tmp_path / "bundle", checked="sha256:" + "e" * 64)
    with pytest.raises(TrustError, match=r"^gate: .*about the contract sha256:eeee"):
        sign_bundle(bundle, ANN)


def test_a_contract_that_cannot_be_read_is_not_signed(tmp_path: Path) -> None:
    model = small_bundle(tmp_path).manifest.models[0].digest
    bundle = small_bundle(
        tmp_path,
        report={"subject": {"model": model, "contract": "sha256:" + "e" * 64}},
        files={"contract.yaml": ("contract", b"[")},
    )
    with pytest.raises(TrustError, match=r"^gate: .*its contract cannot be read"):
        sign_bundle(bundle, ANN)
