"""A device: the key that licenses are for, kept so that a copy of its file is of no use elsewhere.

`device.json` (mode 0600) holds an X25519 key encrypted under a secret of 32 bytes. The secret is sealed in a
TPM; or it lies in shares (`trust.shares`), each encrypted under one part of the machine, so that k of n parts
open it; or it stands beside the key, and then nothing binds it to a machine. Everything else in the file is
authenticated with the key. `device.pub.json` is the half that an issuer gets.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from seatrial.errors import NotFound, TrustError, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.claims import Machine, instant, read_machine, told_instant
from seatrial.trust.content_keys import holder_id
from seatrial.trust.durable import write_durably
from seatrial.trust.keys import PrivateKey, PublicKey, public_from_pem
from seatrial.trust.machine import SALT_BYTES, Mark, marks
from seatrial.trust.refusals import WrongMachine
from seatrial.trust.shares import join, split
from seatrial.trust.state import Anchor, FileAnchor, FileLedger, State
from seatrial.trust.strictjson import from_base64, read_strictly, to_base64
from seatrial.trust.tpm import Tpm, TpmAnchor

FORMAT, PUBLIC_FORMAT = "seatrial/device/1", "seatrial/device-public/1"
MOST_BYTES = 1 << 20
Strength = Literal["tpm", "fingerprint", "none"]
_HINT = "enroll again with: seatrial device enroll"


@dataclass(frozen=True)
class DevicePublic:
    """What an issuer must know of a device.

    Attributes:
        id: Of its X25519 key.
        public: The key.
        signing: Its Ed25519 key, base64; a lease server knows it by that.
        strength: How firmly the private half is bound to the machine.
        machine: Parts that a license can ask for; None: it has none.
    """

    id: str
    public: X25519PublicKey
    signing: str
    strength: Strength
    machine: Machine | None


@dataclass(frozen=True, repr=False)
class Device:
    """A device that was opened on its own machine.

    Attributes:
        told: What others may know.
        private: The key that licenses are for.
        signing: Signs what it asks a lease server.
        ledger: What it remembers.
        issuers: Whose licenses it believes.
        tags: Of the parts of this machine, as they are now.
        anchored: What counts along with the ledger: `tpm`, `file`, or empty.
        parts: Of the enrolled machine: name -> whether it is as it was.
    """

    told: DevicePublic
    private: X25519PrivateKey
    signing: PrivateKey
    ledger: FileLedger
    issuers: tuple[PublicKey, ...]
    tags: frozenset[str]
    anchored: str
    parts: Mapping[str, bool]


def enroll(
    path: Path,
    *,
    parts: Mapping[str, str],
    now: datetime,
    k: int | None = None,
    tpm: Tpm | None = None,
    issuers: Sequence[PublicKey] = (),
    anchor: Path | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> DevicePublic:
    """Makes a device: its file, the public half beside it (`.pub.json`), and its memory (`.state`).

    Args:
        path: Of the file.
        parts: Of the machine, from `read_parts`; none: nothing binds it, unless there is a TPM.
        now: The earliest time it will believe in.
        k: So many of the parts must be there later; by default more than half.
        tpm: Seals the secret instead, and counts along.
        issuers: Whose licenses it will believe.
        anchor: A file elsewhere that counts along; with a TPM not needed.
        random: Where secrets come from.

    Raises:
        UsageError: Something is there already, or `k` cannot be.
        Unavailable: The TPM refuses.
    """
    if path.exists():
        raise UsageError(f"{path} is there already", hint="a device is never overwritten: name another file")
    if k is not None and not 1 <= k <= len(parts):
        raise UsageError(f"{k} of {len(parts)} parts cannot be", hint="see: seatrial device parts")
    private = X25519PrivateKey.from_private_bytes(random(32))
    told = _public_of(private, "tpm" if tpm else "fingerprint" if parts else "none", None)
    document: dict[str, Any] = {
        "format": FORMAT,
        "created": told_instant(now),
        "issuers": [each.pem.decode() for each in issuers],
        **_told(told),
    }
    secret = random(32)
    if tpm is not None:
        document |= {"tpm": tpm.seal(secret), "counter": tpm.new_counter()}
    elif parts:
        document["fingerprint"] = _bind(secret, parts, k or len(parts) // 2 + 1, told.id, random)
    else:
        document["secret"] = to_base64(secret)
    if anchor is not None and tpm is None:
        document["anchor"] = str(anchor.absolute())
    nonce = random(12)
    raw = private.private_bytes_raw()
    document["key"] = to_base64(nonce + AESGCM(secret).encrypt(nonce, raw, canonical(document)))
    where = _anchor(document, private, tpm)
    if isinstance(where, FileAnchor):
        where.create()
    state = State(floor=int(now.timestamp()))
    FileLedger(_beside(path, ".state"), _derived(private, b"state"), told.id, where).create(state)
    public = _with_machine(told, document)
    write_durably(path, canonical(document) + b"\n")
    _beside(path, ".pub.json").write_bytes(canonical({"format": PUBLIC_FORMAT, **_told(public)}) + b"\n")
    return public


def open_device(
    path: Path, *, parts: Callable[[], Mapping[str, str]], tpm: Callable[[], Tpm] = Tpm
) -> Device:
    """Opens a device on the machine it was enrolled on.

    Args:
        path: Of its file.
        parts: Of this machine; asked only when the file needs them.
        tpm: Of this machine, likewise.

    Raises:
        NotFound: There is no such file.
        WrongMachine: It was enrolled on another machine.
        TrustError: It was changed.
    """
    document = _read(path, FORMAT)
    now: dict[str, Mark] = {}
    chip = tpm() if "tpm" in document else None
    try:
        if chip is not None:
            secret = chip.unseal(document["tpm"])
        elif "fingerprint" in document:
            now = marks(parts(), from_base64(document["fingerprint"]["salt"], str(path)))
            secret = _unbind(document["fingerprint"], now, document["id"])
        else:
            secret = from_base64(document["secret"], str(path))
        private = _decrypted(document, secret)
        pinned = tuple(
            public_from_pem(each.encode(), f"issuer {at} of {path}")
            for at, each in enumerate(document["issuers"], 1)
        )
        told = _with_machine(_public_of(private, document["strength"], None), document)
        if told.id != document["id"]:
            raise TrustError(f"changed: {path} names another key than it holds", hint=_HINT)
    except (KeyError, TypeError, AttributeError, ValueError, InvalidTag) as error:
        raise TrustError(
            f"changed: {path} is not as it was written ({type(error).__name__})", hint=_HINT
        ) from error
    anchor = _anchor(document, private, chip)
    return Device(
        told=told,
        private=private,
        signing=_signing(private),
        ledger=FileLedger(_beside(path, ".state"), _derived(private, b"state"), told.id, anchor),
        issuers=pinned,
        tags=frozenset(each.tag for each in now.values()),
        anchored="tpm" if chip else "file" if anchor else "",
        parts=_matching(document.get("fingerprint"), now),
    )


def read_device(path: Path) -> DevicePublic:
    """The public half of a device, from `device.pub.json`, or from the device's own file.

    Raises:
        NotFound: There is no such file.
        TrustError: It is none.
    """
    document = _read(path, PUBLIC_FORMAT, FORMAT)
    try:
        public = X25519PublicKey.from_public_bytes(from_base64(document["public"], str(path)))
        strength: Strength = document["strength"]
        if holder_id(public) != document["id"] or strength not in ("tpm", "fingerprint", "none"):
            raise _contradiction()
        told = DevicePublic(document["id"], public, str(document["signing"]), strength, None)
        if "machine" in document:
            return _replaced(told, read_machine(document["machine"]))
        return _with_machine(told, document)
    except (KeyError, TypeError, ValueError) as error:
        raise TrustError(f"{path} is no device: {error}", hint=_HINT) from error


def _contradiction() -> ValueError:
    return ValueError("it contradicts itself")


def enrolled_at(path: Path) -> datetime:
    """When a device's file says that it was made."""
    return instant(_read(path, FORMAT).get("created"))


def _bind(
    secret: bytes, parts: Mapping[str, str], k: int, device: str, random: Callable[[int], bytes]
) -> dict[str, Any]:
    salt = random(SALT_BYTES)
    bound = {}
    shares = split(secret, k=k, n=len(parts), random=random)
    for number, (name, part) in enumerate(sorted(marks(parts, salt).items()), 1):
        nonce = random(12)
        share = nonce + AESGCM(part.key).encrypt(nonce, shares[number], f"{device} {name}".encode())
        bound[name] = {"number": number, "tag": part.tag, "share": to_base64(share)}
    return {"k": k, "salt": to_base64(salt), "parts": bound}


def _unbind(bound: dict[str, Any], now: Mapping[str, Mark], device: str) -> bytes:
    matching = _matching(bound, now)
    same = [name for name, good in matching.items() if good]
    if len(same) < bound["k"]:
        others = ", ".join(name for name, good in matching.items() if not good)
        raise WrongMachine(
            f"wrong machine: {len(same)} of {len(matching)} parts are those of the enrolled machine, "
            f"{bound['k']} are needed; other or missing: {others}",
            hint="enroll this machine and ask for a license of its own",
        )
    shares = {}
    for name in same[: bound["k"]]:
        sealed = from_base64(bound["parts"][name]["share"], "a share")
        shares[bound["parts"][name]["number"]] = AESGCM(now[name].key).decrypt(
            sealed[:12], sealed[12:], f"{device} {name}".encode()
        )
    return join(shares)


def _matching(bound: dict[str, Any] | None, now: Mapping[str, Mark]) -> dict[str, bool]:
    if bound is None:
        return {}
    return {
        name: name in now and now[name].tag == each["tag"] for name, each in sorted(bound["parts"].items())
    }


def _decrypted(document: dict[str, Any], secret: bytes) -> X25519PrivateKey:
    rest = {name: value for name, value in document.items() if name != "key"}
    sealed = from_base64(document["key"], "the device's key")
    return X25519PrivateKey.from_private_bytes(
        AESGCM(secret).decrypt(sealed[:12], sealed[12:], canonical(rest))
    )


def _public_of(private: X25519PrivateKey, strength: Strength, machine: Machine | None) -> DevicePublic:
    public = private.public_key()
    signing = _signing(private).public.point.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return DevicePublic(holder_id(public), public, base64.b64encode(signing).decode(), strength, machine)


def _with_machine(told: DevicePublic, document: dict[str, Any]) -> DevicePublic:
    bound = document.get("fingerprint")
    if bound is None:
        return told
    tags = sorted(each["tag"] for each in bound["parts"].values())
    return _replaced(told, read_machine({"k": bound["k"], "salt": bound["salt"], "of": tags}))


def _replaced(told: DevicePublic, machine: Machine) -> DevicePublic:
    return DevicePublic(told.id, told.public, told.signing, told.strength, machine)


def _told(told: DevicePublic) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": told.id,
        "public": to_base64(told.public.public_bytes(Encoding.Raw, PublicFormat.Raw)),
        "signing": told.signing,
        "strength": told.strength,
    }
    if told.machine is not None:
        machine = told.machine
        document["machine"] = {"k": machine.k, "salt": machine.salt, "of": list(machine.of)}
    return document


def _signing(private: X25519PrivateKey) -> PrivateKey:
    secret = Ed25519PrivateKey.from_private_bytes(_derived(private, b"signing"))
    return PrivateKey(PublicKey("ed25519", secret.public_key(), "device"), secret)


def _derived(private: X25519PrivateKey, purpose: bytes) -> bytes:
    return HKDFExpand(hashes.SHA256(), 32, b"seatrial device " + purpose).derive(private.private_bytes_raw())


def _anchor(document: dict[str, Any], private: X25519PrivateKey, tpm: Tpm | None) -> Anchor | None:
    if tpm is not None:
        return TpmAnchor(tpm, int(document["counter"]))
    if "anchor" in document:
        return FileAnchor(Path(document["anchor"]), _derived(private, b"anchor"))
    return None


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name.removesuffix(".json") + suffix)


def _read(path: Path, *formats: str) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotFound(f"there is no device {path}: {error.strerror}", hint=_HINT) from error
    document = read_strictly(data, str(path), most=MOST_BYTES)
    if not isinstance(document, dict) or document.get("format") not in formats:
        raise TrustError(f"{path} is no file of the format {' or '.join(formats)}", hint=_HINT)
    return document
