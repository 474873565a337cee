"""Sealed bundles: models encrypted, the rest readable, and every attack refused by its own name."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from seatrial.errors import NotFound, TrustError, UnsupportedModel, UsageError
from seatrial.model import open_model
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.model.manifest import NAME, canonical
from seatrial.trust.content_keys import new_content_key
from seatrial.trust.sealing import is_sealed, plain_manifest, seal, sealing_of
from seatrial.trust.unsealing import content_key_of, unseal, unsealed
from support.handovers import network_bundle

CUSTOMER = X25519PrivateKey.from_private_bytes(b"c" * 32)
VENDOR = X25519PrivateKey.from_private_bytes(b"v" * 32)
STRANGER = X25519PrivateKey.from_private_bytes(b"s" * 32)
GRAPH = "models/onnx/net.onnx"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return network_bundle(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def handed_over(made: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("sealed") / "network-1.0.0"
    return seal(made, out, [CUSTOMER.public_key(), VENDOR.public_key()])


@pytest.fixture
def received(handed_over: Bundle, tmp_path: Path) -> Bundle:
    """A copy that a test may damage."""
    return open_bundle(Path(shutil.copytree(handed_over.folder, tmp_path / "received")))


def opened(bundle: Bundle) -> None:
    """Opens and closes it again."""
    bundle = open_bundle(bundle.folder)
    unseal(bundle, content_key_of(bundle, CUSTOMER)).close()


def rewritten(bundle: Bundle, change: Callable[[dict[str, Any]], None]) -> None:
    path = bundle.folder / NAME
    document = json.loads(path.read_bytes())
    change(document)
    path.write_bytes(canonical(document))


def test_a_sealed_bundle_is_a_bundle(handed_over: Bundle) -> None:
    handed_over.verify()
    assert is_sealed(handed_over.manifest)
    assert handed_over.manifest.release == "network@1.0.0"
    assert [each.graph for each in handed_over.manifest.models] == [
        "models/paddle-json/inference.json.sealed",
        "models/onnx/net.onnx.sealed",
    ]


def test_a_sealed_file_is_told_from_a_damaged_model(handed_over: Bundle) -> None:
    with pytest.raises(UnsupportedModel, match=r"net.onnx.sealed is a sealed file"):
        open_model(handed_over.folder / (GRAPH + ".sealed"))


def test_only_models_are_sealed(made: Bundle, handed_over: Bundle) -> None:
    for entry in made.manifest.files:
        if entry.role == "model":
            assert not handed_over.path(entry).exists()
            sealed = handed_over.path(entry.path + ".sealed").read_bytes()
            plain = made.path(entry).read_bytes()
            assert not any(plain[at : at + 24] in sealed for at in range(0, len(plain) - 24, 24))
        else:
            assert handed_over.read(entry.path) == made.read(entry.path)


def test_what_was_sealed_is_known_by_its_digest(made: Bundle, handed_over: Bundle) -> None:
    assert plain_manifest(handed_over.manifest) == made.manifest
    assert sealing_of(handed_over.manifest).bundle == made.digest
    assert handed_over.digest != made.digest


@pytest.mark.parametrize("holder", [CUSTOMER, VENDOR], ids=["customer", "vendor"])
def test_each_holder_gets_the_models_back(
    made: Bundle, handed_over: Bundle, holder: X25519PrivateKey
) -> None:
    with unsealed(handed_over, content_key_of(handed_over, holder)) as whole:
        assert whole.bundle.digest == made.digest
        for each in made.manifest.models:
            assert whole.bundle.artifact(each).digest == each.digest
        for entry in made.manifest.of_role("model"):
            assert whole.bundle.path(entry).read_bytes() == made.read(entry.path)
        assert open_bundle(whole.folder).manifest == made.manifest
        assert (whole.folder / "labels.txt").read_bytes() == made.read("labels.txt")
    assert not whole.folder.exists()


def test_only_the_formats_that_are_asked_for_are_decrypted(handed_over: Bundle) -> None:
    with unsealed(handed_over, content_key_of(handed_over, CUSTOMER), formats=["onnx"]) as whole:
        assert (whole.folder / GRAPH).exists()
        assert not (whole.folder / "models/paddle-json").exists()
    with pytest.raises(NotFound, match="no openvino model"):
        unseal(handed_over, content_key_of(handed_over, CUSTOMER), formats=["openvino"])


def test_labels_can_be_sealed_too(made: Bundle, tmp_path: Path) -> None:
    bundle = seal(made, tmp_path / "out", [CUSTOMER.public_key()], also=["labels"])
    assert not (bundle.folder / "labels.txt").exists()
    with unsealed(bundle, content_key_of(bundle, CUSTOMER)) as whole:
        assert (whole.folder / "labels.txt").read_bytes() == made.read("labels.txt")


@pytest.mark.parametrize("role", ["contract", "sample", "model", "nonsense"])
def test_what_a_receiver_integrates_with_is_not_sealed(made: Bundle, tmp_path: Path, role: str) -> None:
    with pytest.raises(UsageError, match="not sealed"):
        seal(made, tmp_path / "out", [CUSTOMER.public_key()], also=[role])


def test_the_same_chance_gives_the_same_bytes(made: Bundle, tmp_path: Path) -> None:
    first, second = (
        seal(made, tmp_path / each, [CUSTOMER.public_key()], random=lambda count: b"r" * count)
        for each in ("a", "b")
    )
    assert first.digest == second.digest
    assert seal(made, tmp_path / "c", [CUSTOMER.public_key()]).digest != first.digest


def test_what_cannot_be_sealed_says_why(made: Bundle, handed_over: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sealed already"):
        seal(handed_over, tmp_path / "out", [CUSTOMER.public_key()])
    with pytest.raises(UsageError, match="nobody could open it"):
        seal(made, tmp_path / "out", [])
    with pytest.raises(UsageError, match="there already"):
        seal(made, tmp_path, [CUSTOMER.public_key()])
    bare = dataclasses.replace(made.manifest, models=(), files=made.manifest.of_role("contract"))
    with pytest.raises(UsageError, match="no model"):
        seal(Bundle(made.folder, bare), tmp_path / "out", [CUSTOMER.public_key()])
    with pytest.raises(NotFound, match="is not sealed"):
        content_key_of(made, CUSTOMER)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", [GRAPH, "labels.txt"])
def test_a_bundle_that_was_changed_is_not_sealed(made: Bundle, tmp_path: Path, path: str) -> None:
    changed = Path(shutil.copytree(made.folder, tmp_path / "changed"))
    data = bytearray((changed / path).read_bytes())
    data[-1] ^= 1
    (changed / path).write_bytes(data)
    with pytest.raises(TrustError, match=r"^changed: "):
        seal(open_bundle(changed), tmp_path / "out", [CUSTOMER.public_key()])
    (changed / path).unlink()
    with pytest.raises(TrustError, match=r"^missing: "):
        seal(open_bundle(changed), tmp_path / "out", [CUSTOMER.public_key()])
    assert [each.name for each in tmp_path.iterdir()] == ["changed"]


# -- attacks ------------------------------------------------------------------------------------------


def test_another_customer_is_told_for_whom_it_is(handed_over: Bundle) -> None:
    with pytest.raises(TrustError, match=r"^wrong key: network@1.0.0 was sealed for sha256:"):
        content_key_of(handed_over, STRANGER)


def test_another_content_key_opens_nothing(handed_over: Bundle) -> None:
    with pytest.raises(TrustError, match=r"^wrong key"):
        unseal(handed_over, new_content_key())


def test_a_wrapped_key_of_another_bundle_opens_nothing(received: Bundle, tmp_path: Path) -> None:
    other = seal(network_bundle(tmp_path, "other-1.0.0", seed=8), tmp_path / "out", [CUSTOMER.public_key()])
    wrapped = dict(sealing_of(other.manifest).keys[0])
    rewritten(received, lambda document: document["sealed"].update(keys=[wrapped]))
    with pytest.raises(TrustError, match="belongs to another bundle"):
        opened(received)


def test_a_changed_byte(received: Bundle) -> None:
    path = received.folder / (GRAPH + ".sealed")
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(TrustError, match=r"^changed: chunk 0 of net.onnx.sealed"):
        opened(received)


def test_a_truncated_file(received: Bundle) -> None:
    path = received.folder / (GRAPH + ".sealed")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TrustError, match=r"^truncated"):
        opened(received)


def test_a_longer_file(received: Bundle) -> None:
    path = received.folder / (GRAPH + ".sealed")
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(TrustError, match=r"^trailing"):
        opened(received)


def test_two_swapped_files(received: Bundle) -> None:
    first, second = (
        received.folder / f"models/paddle-json/inference.{each}.sealed" for each in ("json", "pdiparams")
    )
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    with pytest.raises(TrustError, match=r"^swapped: inference.json.sealed holds .*/inference.pdiparams"):
        opened(received)


def test_a_file_of_another_sealing(made: Bundle, received: Bundle, tmp_path: Path) -> None:
    other = seal(made, tmp_path / "again", [CUSTOMER.public_key()])
    shutil.copy(other.folder / (GRAPH + ".sealed"), received.folder / (GRAPH + ".sealed"))
    with pytest.raises(TrustError, match=r"^wrong key: net.onnx.sealed was sealed with another"):
        opened(received)


def test_a_renamed_file(received: Bundle) -> None:
    path = received.folder / (GRAPH + ".sealed")
    path.rename(path.with_name("model.onnx.sealed"))
    with pytest.raises(TrustError, match=r"^missing: models/onnx/net.onnx.sealed"):
        opened(received)


def test_a_renamed_file_that_is_listed_as_such(received: Bundle) -> None:
    path = received.folder / (GRAPH + ".sealed")
    path.rename(path.with_name("model.onnx.sealed"))

    def rename(document: dict[str, Any]) -> None:
        for each in [*document["files"], *document["models"]]:
            for field in ("path", "graph"):
                if each.get(field) == GRAPH + ".sealed":
                    each[field] = "models/onnx/model.onnx.sealed"
            if each.get("plain", {}).get("path") == GRAPH:
                each["plain"]["path"] = "models/onnx/model.onnx"
        document["files"].sort(key=lambda each: each["path"])

    rewritten(received, rename)
    with pytest.raises(TrustError, match=r"^manifest: it lists the bundle"):
        opened(received)


@pytest.mark.parametrize("field", ["version", "created", "media_type", "role"])
def test_an_edited_manifest(received: Bundle, field: str) -> None:
    def edit(document: dict[str, Any]) -> None:
        if field == "version":
            document["version"] = "9.9.9"
        elif field == "created":
            document["created"] = "2031-01-01T00:00:00Z"
        else:
            document["files"][0][field] = "other"

    rewritten(received, edit)
    with pytest.raises(TrustError, match=r"^manifest: "):
        opened(received)


@pytest.mark.parametrize("bad", [{}, {"path": "../x"}, {"path": 1}, "text", []], ids=str)
def test_nonsense_about_what_was_sealed(received: Bundle, bad: object) -> None:
    def edit(document: dict[str, Any]) -> None:
        next(each for each in document["files"] if "plain" in each)["plain"] = bad

    rewritten(received, edit)
    with pytest.raises(TrustError, match=r"^manifest: "):
        opened(received)


@pytest.mark.parametrize("bad", [{}, [], "yes", {"format": "seatrial/sealed/1"}], ids=str)
def test_nonsense_about_the_seal(received: Bundle, bad: object) -> None:
    rewritten(received, lambda document: document.update(sealed=bad))
    with pytest.raises(TrustError, match=r"^manifest: "):
        opened(received)


def test_a_later_seal_asks_for_a_later_seatrial(received: Bundle) -> None:
    rewritten(received, lambda document: document["sealed"].update(format="seatrial/sealed/2"))
    with pytest.raises(UsageError, match="seatrial/sealed/2"):
        opened(received)


@pytest.mark.parametrize("change", ["changed", "missing"])
def test_readable_files_are_believed_only_as_they_were(received: Bundle, change: str) -> None:
    path = received.folder / "contract.yaml"
    if change == "changed":
        path.write_bytes(path.read_bytes() + b"\n")
    else:
        path.unlink()
    with pytest.raises(TrustError, match=rf"^{change}: contract.yaml"):
        opened(received)


def test_a_link_in_place_of_a_readable_file(received: Bundle, tmp_path: Path) -> None:
    path = received.folder / "labels.txt"
    path.rename(tmp_path / "elsewhere.txt")
    path.symlink_to(tmp_path / "elsewhere.txt")
    with pytest.raises(TrustError, match=r"^missing: labels.txt"):
        opened(received)


def test_nothing_is_left_of_a_bundle_that_was_refused(received: Bundle, tmp_path: Path) -> None:
    path = received.folder / (GRAPH + ".sealed")
    path.write_bytes(path.read_bytes()[:-1])
    here = tmp_path / "links"
    here.mkdir()
    with pytest.raises(TrustError):
        unseal(received, content_key_of(received, CUSTOMER), parent=here)
    assert not list(here.iterdir())
