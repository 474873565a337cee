"""The signature that other people's tools read: OpenSSF's model signing, v1.0, with a key.

`signatures/model.sig` is a sigstore bundle v0.3 around a DSSE envelope around an in-toto statement: its one
subject is the digest over the digests of all files, which the predicate lists. The media type and the type
of the predicate are constants of those specifications. Only ECDSA over P-256 with SHA-256 is spoken here,
and only whole files under sha256.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.errors import TrustError, UsageError
from seatrial.model.bundle import Bundle
from seatrial.model.formats._digest import sha256_of
from seatrial.model.manifest import SIGNATURES, canonical
from seatrial.trust.dsse import MOST_BYTES, Signature, envelope_from, sign, verify
from seatrial.trust.gate import Gate
from seatrial.trust.keys import PrivateKey, PublicKey
from seatrial.trust.signing import read_whole, vouched, write_whole
from seatrial.trust.statement import PAYLOAD_TYPE, Statement, read_statement, subjects_of
from seatrial.trust.strictjson import read_strictly

NAME = f"{SIGNATURES}/model.sig"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE = "https://model_signing/signature/v1.0"
_HINT = "what was received is not what was signed: ask for it again"
_KEYS = "make one with: seatrial keys new --openssf"


@dataclass(frozen=True)
class Signed:
    """What an OpenSSF signature was found to say.

    Attributes:
        name: That the signer gave it.
        signer: The key.
        files: How many files were signed.
        ignored: Paths that the signer left out, and that are there: nobody vouches for them.
        despite: Why it was signed although the gate does not vouch for it; empty when it does.
    """

    name: str
    signer: PublicKey
    files: int
    ignored: tuple[str, ...] = ()
    despite: str = ""


def sign_openssf(bundle: Bundle, key: PrivateKey, *, despite: str = "", gate: Gate | None = None) -> Path:
    """Writes `signatures/model.sig` in place of one that is there: the format has room for one signer.

    Args:
        bundle: To sign; every file is hashed once.
        key: P-256.
        despite: As in `sign_bundle`.
        gate: As in `sign_bundle`.

    Raises:
        TrustError: A file is not as listed, or the gate does not vouch for the bundle.
        UsageError: The key is of another kind, or the file cannot be written.
    """
    _p256(key.public)
    _, reason = vouched(bundle, despite=despite, gate=gate)
    files = subjects_of(bundle)
    predicate: dict[str, Any] = {
        "serialization": {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": [SIGNATURES],
        },
        "resources": [
            {"name": name, "algorithm": "sha256", "digest": digest} for name, digest in sorted(files.items())
        ],
    }
    if reason:
        predicate["despite"] = reason
    subject = {bundle.manifest.name: _digest_of_digests([files[name] for name in sorted(files)])}
    envelope = sign(Statement(subject, PREDICATE, predicate).to_bytes(), PAYLOAD_TYPE, key).to_document()
    envelope["signatures"][0]["keyid"] = ""  # the tool leaves it empty; the key is named above it
    document = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": _hint(key.public)}, "tlogEntries": []},
        "dsseEnvelope": envelope,
    }
    path = bundle.folder / NAME
    write_whole(path, canonical(document))
    return path


def verify_openssf(
    folder: Path, key: PublicKey, *, signature: Path | None = None, hashed: Mapping[str, str] | None = None
) -> Signed:
    """Verifies a folder against a signature that this or another tool made.

    Args:
        folder: To verify; need not be a bundle.
        key: That is trusted; P-256.
        signature: The file; `signatures/model.sig` in the folder by default.
        hashed: sha256 in hexadecimal of every file, by path, when the caller has verified them just now.
            Without it every file is hashed.

    Raises:
        TrustError: Something does not match; the message begins as those of `verify_bundle` do.
        UsageError: The key is of another kind.
    """
    _p256(key)
    path = signature or folder / NAME
    if not os.path.lexists(path):
        raise TrustError(f"unsigned: there is no {path}", hint="ask the sender to sign it")
    said = _statement(read_whole(path, most=MOST_BYTES), key)
    wanted, ignored = _resources(said), _ignored(said)
    found = dict(hashed) if hashed is not None else _hashes(folder, ignored, path)
    for name in sorted({*wanted, *found}):
        if name not in found:
            raise TrustError(f"missing: {name}", hint=_HINT)
        if name not in wanted:
            raise TrustError(f"extra: {name} was not signed", hint=_HINT)
        if found[name] != wanted[name]:
            raise TrustError(
                f"changed: {name} has the digest {found[name]}, expected {wanted[name]}", hint=_HINT
            )
    left_out = sorted(each for each in ignored if each.split("/")[0] != SIGNATURES)
    there = tuple(each for each in left_out if (folder / each).exists())
    despite = said.predicate.get("despite", "")
    return Signed(next(iter(said.subject)), key, len(wanted), there, str(despite))


def _statement(data: bytes, key: PublicKey) -> Statement:
    document = read_strictly(data, NAME, most=MOST_BYTES)
    if not isinstance(document, dict) or document.get("mediaType") != MEDIA_TYPE:
        raise TrustError(f"other type: {NAME} is no sigstore bundle v0.3")
    envelope = envelope_from(document.get("dsseEnvelope"), NAME)
    if len(envelope.signatures) != 1:
        raise TrustError(f"damaged: {NAME} has {len(envelope.signatures)} signatures, expected one")
    # What names the key here is another digest than our id of it, and only a hint: the key itself decides.
    anonymous = Signature("", envelope.signatures[0].value)
    bare = type(envelope)(envelope.payload, envelope.payload_type, (anonymous,))
    verify(bare, [key], payload_type=PAYLOAD_TYPE, what=NAME)
    statement = read_statement(envelope.payload, NAME, is_canonical=False)
    if statement.predicate_type != PREDICATE:
        raise TrustError(
            f"other type: {NAME} states {statement.predicate_type[:100]!r}, expected {PREDICATE!r}"
        )
    return statement


def _resources(statement: Statement) -> dict[str, str]:
    serialization, listed = (statement.predicate.get(each) for each in ("serialization", "resources"))
    how = serialization if isinstance(serialization, dict) else {}
    if how.get("method") != "files" or how.get("hash_type") != "sha256":
        raise TrustError(
            f"other type: {NAME} lists {how.get('method')} under {how.get('hash_type')}, expected files "
            "under sha256",
            hint="verify it with the tool that made it",
        )
    found: dict[str, str] = {}
    for each in listed if isinstance(listed, list) else []:
        name, digest = (each.get(key) if isinstance(each, dict) else None for key in ("name", "digest"))
        if not isinstance(name, str) or not isinstance(digest, str) or each.get("algorithm") != "sha256":
            raise TrustError(f"damaged: {NAME} lists a file without name or sha256")
        if name in found:
            raise TrustError(f"ambiguous: {NAME} names {name[:200]} twice")
        found[name] = digest
    if list(statement.subject.values()) != [_digest_of_digests(list(found.values()))]:
        raise TrustError(f"contradiction: the digest of {NAME} is not that of the files it lists")
    return found


def _ignored(statement: Statement) -> set[str]:
    paths = statement.predicate["serialization"].get("ignore_paths", [])
    if not isinstance(paths, list) or not all(isinstance(each, str) for each in paths):
        raise TrustError(f"damaged: {NAME} leaves out something that is no list of paths")
    if any(each in ("", ".", "/") for each in paths):
        raise TrustError(f"damaged: {NAME} leaves out everything")
    return {each.rstrip("/") for each in paths}


def _hashes(folder: Path, ignored: set[str], signature: Path) -> dict[str, str]:
    """sha256 of every file in a folder, apart from what is left out and the signature itself."""
    paths: list[tuple[str, Path]] = []
    for here, folders, files in os.walk(folder):
        for each in [*folders, *files]:
            path = Path(here) / each
            name = path.relative_to(folder).as_posix()
            parts = name.split("/")
            if any("/".join(parts[: count + 1]) in ignored for count in range(len(parts))):
                continue
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise TrustError(f"link: {name} is no plain file", hint=_HINT)
            if path.is_file() and path.absolute() != signature.absolute():
                paths.append((name, path))
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(
            zip((name for name, _ in paths), pool.map(sha256_of, (path for _, path in paths)), strict=True)
        )


def _digest_of_digests(digests: list[str]) -> str:
    try:
        return hashlib.sha256(b"".join(bytes.fromhex(each) for each in digests)).hexdigest()
    except ValueError as error:
        raise TrustError(f"damaged: {NAME} lists what is no sha256") from error


def _hint(key: PublicKey) -> str:
    return hashlib.sha256(key.pem).hexdigest()


def _p256(key: PublicKey) -> None:
    if key.kind != "p256":
        raise UsageError(
            f"the key {key.id[:16]} is {key.kind}, and OpenSSF's format asks for P-256", hint=_KEYS
        )
