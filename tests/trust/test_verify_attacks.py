"""Attacks on a signed bundle, one each: every one is refused, and says by its first words what it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import TrustError, UsageError
from seatrial.model import manifest as manifests
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.trust import dsse, gate
from seatrial.trust.dsse import add, read_envelope, sign
from seatrial.trust.gate import gate_of
from seatrial.trust.keys import new_key
from seatrial.trust.signing import ENVELOPE, sign_bundle
from seatrial.trust.statement import PAYLOAD_TYPE, statement_of
from seatrial.trust.verification import verify_bundle
from support.signed_bundles import GRAPH, MODEL, rewrite, small_bundle

ANN, BOB = new_key(), new_key()


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    made = small_bundle(tmp_path / "bundle")
    sign_bundle(made, ANN)
    return made


def verify(bundle: Bundle) -> None:
    """As somebody who has just received it."""
    verify_bundle(open_bundle(bundle.folder), [ANN.public])


def refused(bundle: Bundle, says: str) -> None:
    with pytest.raises(TrustError, match=rf"^{says}"):
        verify(bundle)


def forge(bundle: Bundle, change: Callable[[dict[str, object]], None]) -> None:
    path = bundle.folder / ENVELOPE
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


def put(bundle: Bundle, payload: bytes, payload_type: str = PAYLOAD_TYPE) -> None:
    """Any payload under a good signature: the signer means ill, or signed it for something else."""
    (bundle.folder / ENVELOPE).write_bytes(sign(payload, payload_type, ANN).to_bytes())


def test_nothing_is_refused_that_nobody_touched(bundle: Bundle) -> None:
    verify(bundle)


def test_a_changed_byte(bundle: Bundle) -> None:
    (bundle.folder / MODEL).write_bytes(GRAPH[:-1] + b"!")
    refused(bundle, "changed: models/onnx/model.onnx")


def test_a_shorter_file(bundle: Bundle) -> None:
    (bundle.folder / MODEL).write_bytes(GRAPH[:-1])
    refused(bundle, "changed: models/onnx/model.onnx has 23 bytes")


def test_swapped_files(bundle: Bundle) -> None:
    report, guide = bundle.folder / "report/report.json", bundle.folder / "docs/en/guide.md"
    one, two = report.read_bytes(), guide.read_bytes()
    report.write_bytes(two)
    guide.write_bytes(one)
    refused(bundle, "changed: docs/en/guide.md")


def test_an_extra_file(bundle: Bundle) -> None:
    (bundle.folder / "models" / "onnx" / "startup.py").write_text("print()")
    refused(bundle, "extra: models/onnx/startup.py")


def test_a_missing_file(bundle: Bundle) -> None:
    (bundle.folder / "docs/en/guide.md").unlink()
    refused(bundle, "missing: docs/en/guide.md")


def test_a_link_in_place_of_a_file(bundle: Bundle, tmp_path: Path) -> None:
    shutil.move(bundle.folder / MODEL, tmp_path / "model.onnx")
    (bundle.folder / MODEL).symlink_to(tmp_path / "model.onnx")
    refused(bundle, "link: models/onnx/model.onnx")


def test_a_link_in_place_of_a_folder(bundle: Bundle, tmp_path: Path) -> None:
    shutil.move(bundle.folder / "models", tmp_path / "models")
    (bundle.folder / "models").symlink_to(tmp_path / "models")
    refused(bundle, "link: models")


def test_a_link_in_place_of_the_manifest(bundle: Bundle, tmp_path: Path) -> None:
    shutil.move(bundle.folder / "manifest.json", tmp_path / "manifest.json")
    (bundle.folder / "manifest.json").symlink_to(tmp_path / "manifest.json")
    refused(bundle, "link: manifest.json")


def test_a_link_in_place_of_the_envelope(bundle: Bundle, tmp_path: Path) -> None:
    shutil.move(bundle.folder / ENVELOPE, tmp_path / "envelope")
    (bundle.folder / ENVELOPE).symlink_to(tmp_path / "envelope")
    refused(bundle, "link: bundle.dsse.json")


def test_a_manifest_that_was_edited_and_hashed_again(bundle: Bundle) -> None:
    verify_bundle(rewrite(bundle, MODEL, b"another graph"))  # its digests are right: no key, no protest
    refused(bundle, "rewritten: the manifest has the digest")


def test_the_signature_of_another_bundle(bundle: Bundle, tmp_path: Path) -> None:
    other = small_bundle(tmp_path / "other", name="faces", graph=b"another")
    sign_bundle(other, ANN)
    shutil.copy(other.folder / ENVELOPE, bundle.folder / ENVELOPE)
    refused(bundle, "other bundle: the signature is of faces@1.0.0, and this is digits@1.0.0")


def test_the_signature_of_another_version(bundle: Bundle, tmp_path: Path) -> None:
    old = small_bundle(tmp_path / "old", version="0.9.0")
    sign_bundle(old, ANN)
    shutil.copy(old.folder / ENVELOPE, bundle.folder / ENVELOPE)
    refused(bundle, "other bundle: the signature is of digits@0.9.0")


def test_no_signature(bundle: Bundle) -> None:
    (bundle.folder / ENVELOPE).unlink()
    refused(bundle, "unsigned")


def test_a_wrong_key(bundle: Bundle) -> None:
    with pytest.raises(TrustError, match=r"^wrong key"):
        verify_bundle(bundle, [BOB.public])


def test_a_signature_that_names_the_key_of_somebody_else(bundle: Bundle) -> None:
    sign_bundle(bundle, BOB)
    forge(bundle, lambda it: it["signatures"].pop(0))  # type: ignore[attr-defined]
    forge(bundle, lambda it: it["signatures"][0].update(keyid=ANN.id))  # type: ignore[index]
    refused(bundle, "wrong key")


def test_an_envelope_without_signatures(bundle: Bundle) -> None:
    forge(bundle, lambda it: it.update(signatures=[]))
    refused(bundle, "wrong key: .*nobody")


def test_a_threshold_met_twice_by_the_same_key(bundle: Bundle) -> None:
    forge(bundle, lambda it: it["signatures"].append(it["signatures"][0]))  # type: ignore[attr-defined,index]
    with pytest.raises(TrustError, match=r"^too few: 1 of 2"):
        verify_bundle(bundle, [ANN.public, BOB.public], threshold=2)


def test_a_threshold_of_the_same_key_given_twice(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="2 signatures are asked for, of 1 different keys"):
        verify_bundle(bundle, [ANN.public, ANN.public], threshold=2)


def test_an_older_version(bundle: Bundle) -> None:
    with pytest.raises(TrustError, match=r"^older: this is digits@1.0.0, and at least 1.0.1"):
        verify_bundle(bundle, [ANN.public], at_least="1.0.1")
    verify_bundle(bundle, [ANN.public], at_least="1.0.0rc1")


def test_a_version_that_has_no_place_in_an_order(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be compared"):
        verify_bundle(small_bundle(tmp_path, version="newest"), at_least="1.0.0")


def test_a_payload_of_another_type(bundle: Bundle) -> None:
    put(bundle, statement_of(bundle, gate_of(bundle)).to_bytes(), "application/vnd.seatrial.root+json")
    refused(bundle, "other type: .*vnd.seatrial.root")


def test_a_payload_type_that_was_relabeled(bundle: Bundle) -> None:
    put(bundle, statement_of(bundle, gate_of(bundle)).to_bytes(), "application/vnd.seatrial.root+json")
    forge(bundle, lambda it: it.update(payloadType=PAYLOAD_TYPE))
    refused(bundle, "wrong key")


def test_a_statement_of_another_type(bundle: Bundle) -> None:
    statement = statement_of(bundle, gate_of(bundle)).to_bytes()
    put(bundle, statement.replace(b"urn:seatrial:verified-bundle:1", b"urn:seatrial:something-else:1"))
    refused(bundle, "other type: .*something-else")


def test_a_key_that_is_said_twice_in_the_envelope(bundle: Bundle) -> None:
    path = bundle.folder / ENVELOPE
    path.write_bytes(b'{"payload":"",' + path.read_bytes()[1:])
    refused(bundle, "ambiguous: .*says a key twice")


def test_a_key_that_is_said_twice_in_the_statement(bundle: Bundle) -> None:
    put(bundle, b'{"_type":"x",' + statement_of(bundle, gate_of(bundle)).to_bytes()[1:])
    refused(bundle, "ambiguous: .*says a key twice")


def test_a_statement_in_another_spelling(bundle: Bundle) -> None:
    put(bundle, statement_of(bundle, gate_of(bundle)).to_bytes() + b" ")
    refused(bundle, "ambiguous: .*canonical")


def test_base64_in_another_spelling(bundle: Bundle) -> None:
    forge(bundle, lambda it: it.update(payload=str(it["payload"]) + "\n"))
    refused(bundle, "damaged: .*base64")


def test_a_number_that_json_has_not(bundle: Bundle) -> None:
    (bundle.folder / ENVELOPE).write_bytes(b'{"payload": NaN}')
    refused(bundle, "ambiguous: .*NaN")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'"text"', b"\xff", b"[" * 100_000],
    ids=["nothing", "list", "half", "text", "no utf-8", "deep"],
)  # fmt: skip
def test_an_envelope_that_is_none(bundle: Bundle, data: bytes) -> None:
    (bundle.folder / ENVELOPE).write_bytes(data)
    refused(bundle, "damaged")


def test_a_manifest_that_is_not_canonical(bundle: Bundle) -> None:
    path = bundle.folder / "manifest.json"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(TrustError, match="not in the canonical form"):
        verify(bundle)


def test_a_manifest_that_says_a_key_twice(bundle: Bundle) -> None:
    path = bundle.folder / "manifest.json"
    path.write_bytes(b'{"name":"faces",' + path.read_bytes()[1:])
    with pytest.raises(TrustError, match="not in the canonical form"):
        verify(bundle)


def test_a_giant_manifest(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MOST_BYTES", 100)
    with pytest.raises(TrustError, match="more than 100"):
        verify(bundle)


def test_a_giant_envelope(bundle: Bundle) -> None:
    with (bundle.folder / ENVELOPE).open("wb") as file:
        file.truncate(dsse.MOST_BYTES + 1)  # sparse: takes no room
    refused(bundle, "too big: bundle.dsse.json")


def test_an_envelope_of_very_many_signatures(bundle: Bundle) -> None:
    forge(bundle, lambda it: it.update(signatures=it["signatures"] * 65))  # type: ignore[operator]
    refused(bundle, "too big: .*65 signatures")


def test_a_giant_report(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_BYTES", 10)
    refused(bundle, "too big: report/report.json")


def test_a_failed_report_under_a_statement_that_says_it_passed(tmp_path: Path) -> None:
    made = small_bundle(tmp_path, report={"verdict": "FAIL"})
    said = json.loads(statement_of(made, gate_of(made)).to_bytes())
    said["predicate"]["report"]["verdict"] = "PASS"
    (tmp_path / "signatures").mkdir()
    put(made, manifests.canonical(said))
    refused(made, "contradiction: signed is the verdict 'PASS'")


@pytest.mark.parametrize(
    "report",
    [{"verdict": "FAIL"}, {"partial": True}, {"subject": {"model": "sha256:" + "e" * 64}}],
    ids=["failed", "partial", "other model"],
)
def test_a_signature_without_a_gate(tmp_path: Path, report: dict[str, object]) -> None:
    """Signed by other means than ours, which refuse it."""
    made = small_bundle(tmp_path, report=report)
    (tmp_path / "signatures").mkdir()
    put(made, statement_of(made, gate_of(made)).to_bytes())
    refused(made, "gate: these are not the bytes that were checked")


def test_a_model_that_the_manifest_names_by_the_digest_of_another(tmp_path: Path) -> None:
    """The report's digest stands in the manifest, and the files are others."""
    made = small_bundle(tmp_path)
    data = b"never checked"
    (tmp_path / MODEL).write_bytes(data)
    said = json.loads((tmp_path / "manifest.json").read_bytes())
    entry = next(each for each in said["files"] if each["path"] == MODEL)
    entry.update(size=len(data), sha256="sha256:" + manifests.hashlib.sha256(data).hexdigest())
    (tmp_path / "manifest.json").write_bytes(manifests.canonical(said))
    with pytest.raises(TrustError, match=r"^gate: .*model.onnx is not the model"):
        sign_bundle(open_bundle(made.folder), ANN)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    made = small_bundle(tmp_path_factory.mktemp("pristine") / "bundle")
    sign_bundle(made, ANN)
    return made


@given(data=st.data())
def test_any_byte_of_any_file_counts(pristine: Bundle, data: st.DataObject) -> None:
    """Every bit of the bundle is vouched for, and every bit of the envelope that says something."""
    paths = sorted(each for each in pristine.folder.rglob("*") if each.is_file())
    path = data.draw(st.sampled_from(paths))
    before = path.read_bytes()
    at = data.draw(st.integers(0, len(before) - 1))
    other = data.draw(st.integers(1, 255))
    path.write_bytes(before[:at] + bytes([before[at] ^ other]) + before[at + 1 :])
    try:
        with pytest.raises((TrustError, UsageError)):
            verify(pristine)
    finally:
        path.write_bytes(before)
    verify(pristine)


@given(garbage=st.binary(max_size=200))
def test_no_bytes_for_an_envelope_break_the_reader(garbage: bytes) -> None:
    with pytest.raises(TrustError):
        read_envelope(garbage)


@given(payload=st.binary(max_size=50), kind=st.text(max_size=20))
def test_an_envelope_is_read_as_it_was_written(payload: bytes, kind: str) -> None:
    envelope = add(sign(payload, kind, ANN), BOB)
    assert read_envelope(envelope.to_bytes()) == envelope
    assert dsse.verify(envelope, [ANN.public, BOB.public], payload_type=kind, threshold=2)


_TYPED = st.tuples(st.text(max_size=9), st.binary(max_size=9))


@given(one=_TYPED, two=_TYPED)
def test_no_two_payloads_are_signed_alike(one: tuple[str, bytes], two: tuple[str, bytes]) -> None:
    assert (dsse.pae(*one) == dsse.pae(*two)) == (one == two)
