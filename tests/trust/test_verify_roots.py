"""Roots: a chain that can be followed, and neither bent nor wound back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seatrial.errors import TrustError, UsageError
from seatrial.trust.keys import new_key
from seatrial.trust.remembered import Remembered
from seatrial.trust.roots import Roots, complete, holding, new_root, next_root, read_roots, sign_root
from seatrial.trust.signing import sign_bundle
from seatrial.trust.verification import verify_bundle
from support.signed_bundles import small_bundle

ANN, BOB, EVE = new_key(), new_key(), new_key()
EXPIRES = datetime(2027, 11, 21, tzinfo=UTC)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def acme() -> Roots:
    root = new_root("acme", [ANN.public, BOB.public], threshold=2, expires=EXPIRES)
    return sign_root(root, ANN, BOB)


def without_bob() -> Roots:
    """Version 2: Bob's key was stolen; the thief's signature is not needed, Bob's own last one is."""
    return sign_root(
        next_root(acme(), adding=[EVE.public], removing={BOB.public.id: "stolen laptop"}), ANN, BOB, EVE
    )


def test_a_chain_is_read_as_it_was_written() -> None:
    assert read_roots(without_bob().to_bytes()) == without_bob()
    assert holding(without_bob(), now=NOW).keys == (ANN.public, EVE.public)


def test_an_expired_root_is_refused() -> None:
    with pytest.raises(TrustError, match=r"^expired root: version 1 of acme"):
        holding(acme(), now=EXPIRES)


def test_a_root_needs_the_old_keys() -> None:
    stolen = next_root(acme(), adding=[EVE.public], threshold=1)
    with pytest.raises(TrustError, match=r"^wrong key: .*by the keys of version 1"):
        complete(sign_root(stolen, EVE))
    with pytest.raises(TrustError, match=r"^too few: 1 of 2 .*by the keys of version 1"):
        read_roots(sign_root(stolen, EVE, ANN).to_bytes())


def test_a_root_needs_the_new_keys() -> None:
    fresh = next_root(
        acme(), adding=[EVE.public], removing={ANN.public.id: "", BOB.public.id: ""}, threshold=1
    )
    with pytest.raises(TrustError, match=r"^wrong key: .*by the keys of version 2"):
        complete(sign_root(fresh, ANN, BOB))


def test_nothing_is_built_on_a_root_that_is_not_signed() -> None:
    pending = next_root(acme(), adding=[EVE.public])
    with pytest.raises(TrustError):
        next_root(pending, threshold=1)
    assert read_roots(sign_root(pending, ANN).to_bytes(), signed=False).current.version == 2


def test_a_stranger_cannot_sign_a_root() -> None:
    with pytest.raises(UsageError, match="neither the old nor the new"):
        sign_root(acme(), EVE)


def test_a_removed_key_does_not_come_back() -> None:
    with pytest.raises(UsageError, match="was removed once"):
        next_root(without_bob(), adding=[BOB.public])


def test_a_link_left_out_breaks_the_chain() -> None:
    third = sign_root(next_root(without_bob(), threshold=1), ANN, EVE)
    gap = Roots(third.envelopes[::2], third.chain[::2])
    with pytest.raises(TrustError, match=r"^broken chain: acme version 3 follows acme version 1"):
        read_roots(gap.to_bytes())


def test_an_edited_root_is_refused() -> None:
    roots = acme()
    loose = replace(roots.current, threshold=1)
    forged = Roots((replace(roots.envelopes[0], payload=loose.to_bytes()),), (loose,))
    with pytest.raises(TrustError, match=r"^wrong key"):
        read_roots(forged.to_bytes())


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"format":"seatrial/roots/1","roots":[]}', b'{"format":"seatrial/roots/1","roots":[{}]}'],
    ids=["nothing", "a list", "no root", "no envelope"],
)
def test_what_is_no_chain_is_refused(data: bytes) -> None:
    with pytest.raises(TrustError, match=r"^damaged"):
        read_roots(data)


def test_a_payload_of_another_shape_is_refused() -> None:
    document = json.loads(acme().to_bytes())
    document["roots"][0]["payload"] = "e30="  # {}
    with pytest.raises(TrustError, match=r"^damaged: a root"):
        read_roots(json.dumps(document).encode())


def test_roots_are_not_wound_back(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "trust.json")
    remembered.follow(acme())
    remembered.follow(without_bob())
    with pytest.raises(TrustError, match=r"^older root: version 1 of acme, and 2"):
        remembered.follow(acme())


def test_another_chain_of_the_same_name_is_refused(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "trust.json")
    remembered.follow(acme())
    other = sign_root(new_root("acme", [EVE.public], threshold=1, expires=EXPIRES), EVE)
    with pytest.raises(TrustError, match=r"^broken chain"):
        remembered.follow(other)


def test_a_damaged_memory_is_no_memory_lost(tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text("{}")
    with pytest.raises(TrustError, match=r"^damaged"):
        Remembered(tmp_path / "trust.json").follow(acme())


def test_a_revoked_key_vouches_for_nothing(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path)
    sign_bundle(bundle, BOB)
    root = holding(without_bob(), now=NOW)
    with pytest.raises(TrustError, match=r"^revoked: .*stolen laptop"):
        verify_bundle(bundle, root.keys, threshold=root.threshold, revoked=root.removed)


def test_an_older_bundle_is_refused_where_a_newer_was_seen(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "home" / "trust.json")
    old, new = (small_bundle(tmp_path / each, version=each).manifest for each in ("1.9.0", "1.10.0"))
    remembered.take(old, [ANN.id])
    remembered.take(new, [ANN.id])
    with pytest.raises(TrustError, match=r"^older: this is digits@1.9.0, and 1.10.0 was verified"):
        remembered.take(old, [ANN.id])
    remembered.take(old, [ANN.id], allow_older=True)
    with pytest.raises(TrustError, match=r"^older"):
        remembered.take(old, [ANN.id])


def test_two_vendors_may_call_a_model_alike(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "trust.json")
    remembered.take(small_bundle(tmp_path / "a", version="9.0").manifest, [ANN.id])
    remembered.take(small_bundle(tmp_path / "b", version="1.0").manifest, [EVE.id])
