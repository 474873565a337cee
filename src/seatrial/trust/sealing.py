"""Seals a bundle: the same bundle with its models encrypted, for those who hold one of the keys it names.

Every sealed file lies at its old place under its old name and `.sealed`; the rest - contract, labels,
samples, test cases, SDKs, documents - stays readable, so that a receiver can integrate before anything is
unlocked. The manifest says in `sealed` what was sealed and for whom:

    {"format": "seatrial/sealed/1", "algorithm": "AES-256-GCM-STREAM",
     "bundle": "sha256:... (of the bundle that was sealed)",
     "keys": [the content key, wrapped for each holder; see `content_keys`]}

and of each sealed file, in `plain`, the path, media type, size and digest that it had. From these the
manifest of the original bundle is put together again. Its digest is the context of every wrapped key and of
every sealed file: nothing in the listing can be changed without the seal breaking.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from seatrial.errors import NotFound, TrustError, UsageError
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.model.manifest import NAME, ROLES, FileEntry, Manifest, ModelEntry, read_manifest
from seatrial.trust.content_keys import new_content_key, wrap
from seatrial.trust.sealed_header import ALGORITHM, FORMAT
from seatrial.trust.stream import encrypt

SUFFIX = ".sealed"
MEDIA_TYPE = "application/vnd.seatrial.sealed"
_FIELD, _PLAIN = "sealed", "plain"
_READABLE = ("contract", "sdk", "sample", "test", "document", "deployment", "sbom")
_HINT = "the sealed bundle is not as it was handed over: ask for it again"


@dataclass(frozen=True)
class Sealing:
    """What a manifest says about its seal.

    Attributes:
        bundle: Digest of the bundle that was sealed.
        keys: The content key, wrapped for each holder.
    """

    bundle: str
    keys: tuple[Mapping[str, Any], ...]

    @property
    def context(self) -> bytes:
        """What its wrapped keys are for."""
        return f"seatrial sealed bundle 1\0{self.bundle}".encode()


def seal(
    bundle: Bundle,
    out: Path,
    holders: Sequence[X25519PublicKey],
    *,
    also: Collection[str] = (),
    random: Callable[[int], bytes] = os.urandom,
) -> Bundle:
    """Writes the sealed form of a bundle; there whole or not at all.

    Args:
        bundle: What is sealed. Its signatures are not taken along: they speak of another digest.
        out: The new bundle's folder; it must not be there yet.
        holders: Whose private keys open it.
        also: Roles that are sealed beside `model`: `labels`, `config`, `report`.
        random: Where keys, salts and nonces come from.

    Raises:
        UsageError: It is sealed already, has no model, nobody is named, or `out` cannot be written.
        TrustError: The bundle is not what its manifest says.
    """
    roles = _roles(also)
    _check(bundle, out, holders, roles)
    sealing = Sealing(bundle.digest, ())
    key = new_content_key(random)
    keys = tuple(wrap(key, each, sealing.context, random=random) for each in holders)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".sealing-") as aside:
            folder = Path(aside) / "bundle"
            files = tuple(
                _sealed(bundle, each, folder, key, random)
                if each.role in roles
                else _copied(bundle, each, folder)
                for each in bundle.manifest.files
            )
            manifest = _manifest(bundle.manifest, replace(sealing, keys=keys), files)
            (folder / NAME).write_bytes(manifest.to_bytes())
            folder.rename(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from error
    return open_bundle(out)


def is_sealed(manifest: Manifest) -> bool:
    """Whether a bundle is a sealed one."""
    return _FIELD in manifest.extra


def sealing_of(manifest: Manifest) -> Sealing:
    """What a sealed bundle says about its seal.

    Raises:
        NotFound: It is not sealed.
        TrustError: What it says makes no sense.
        UsageError: It was sealed by a later version.
    """
    said = manifest.extra.get(_FIELD)
    if said is None:
        raise NotFound(f"the bundle {manifest.release} is not sealed", hint="use it as it is")
    try:
        kind, algorithm, bundle, keys = (said[each] for each in ("format", "algorithm", "bundle", "keys"))
        listed = tuple(dict(each) for each in keys)
    except (KeyError, TypeError, ValueError) as error:
        raise TrustError(
            f"manifest: what it says about the seal makes no sense: {error}", hint=_HINT
        ) from error
    if (kind, algorithm) != (FORMAT, ALGORITHM):
        raise UsageError(
            f"the bundle is sealed as {str(kind)[:80]!r} with {str(algorithm)[:80]!r}, "
            f"and this version opens {FORMAT!r} with {ALGORITHM!r}",
            hint="take the version of Seatrial that sealed it",
        )
    return Sealing(str(bundle), listed)


def plain_manifest(manifest: Manifest) -> Manifest:
    """The manifest of the bundle that was sealed.

    Raises:
        TrustError: What the sealed bundle's manifest lists is not what was sealed.
    """
    sealing = sealing_of(manifest)
    try:
        files = tuple(plain_entry(each) for each in manifest.files)
        paths = {sealed.path: plain.path for sealed, plain in zip(manifest.files, files, strict=True)}
        models = tuple(replace(each, graph=paths[each.graph]) for each in manifest.models)
        extra = {name: value for name, value in manifest.extra.items() if name != _FIELD}
        plain = read_manifest(replace(manifest, files=files, models=models, extra=extra).to_bytes())
    except (KeyError, TypeError, ValueError, TrustError) as error:
        raise TrustError(
            f"manifest: it lists no bundle that could have been sealed: {error}", hint=_HINT
        ) from error
    if plain.digest != sealing.bundle:
        raise TrustError(
            f"manifest: it lists the bundle {plain.digest}, sealed was {sealing.bundle}", hint=_HINT
        )
    return plain


def plain_entry(entry: FileEntry) -> FileEntry:
    """What a file of a sealed bundle was before; itself when it was not sealed."""
    plain = entry.extra.get(_PLAIN)
    if plain is None:
        return entry
    extra = {name: value for name, value in entry.extra.items() if name != _PLAIN}
    return FileEntry(plain["path"], entry.role, plain["media_type"], plain["size"], plain["sha256"], extra)


def sealed_entries(manifest: Manifest) -> Iterator[tuple[FileEntry, FileEntry]]:
    """Each sealed file, and what it was."""
    for each in manifest.files:
        if _PLAIN in each.extra:
            yield each, plain_entry(each)


def _roles(also: Collection[str]) -> frozenset[str]:
    allowed = [each for each in ROLES if each not in (*_READABLE, "model")]
    for each in also:
        if each not in allowed:
            raise UsageError(
                f"files of the role '{each}' are not sealed", hint=f"beside models: {', '.join(allowed)}"
            )
    return frozenset({"model", *also})


def _check(bundle: Bundle, out: Path, holders: Sequence[X25519PublicKey], roles: Collection[str]) -> None:
    if is_sealed(bundle.manifest):
        raise UsageError(f"{bundle.manifest.release} is sealed already", hint="seal the bundle it came from")
    if not holders:
        raise UsageError("nobody could open it", hint="name a public key: --for CUSTOMER.pub")
    if not any(each.role in roles for each in bundle.manifest.files):
        raise UsageError(f"there is no model in {bundle.manifest.release} to seal")
    if any(_PLAIN in each.extra for each in bundle.manifest.files):
        raise UsageError(
            f"the manifest of {bundle.manifest.release} uses the word '{_PLAIN}' for something else"
        )
    if out.exists():
        raise UsageError(f"{out} is there already", hint="give another folder with -o")


def _sealed(
    bundle: Bundle, entry: FileEntry, folder: Path, key: bytes, random: Callable[[int], bytes]
) -> FileEntry:
    target = folder / (entry.path + SUFFIX)
    target.parent.mkdir(parents=True, exist_ok=True)
    _there(bundle, entry)
    context = {"bundle": bundle.digest, "path": entry.path}
    written = encrypt(bundle.path(entry), target, key, context, random=random)
    _same(entry, written.plain_sha256)
    plain = {"path": entry.path, "media_type": entry.media_type, "size": entry.size, "sha256": entry.sha256}
    return FileEntry(
        entry.path + SUFFIX,
        entry.role,
        MEDIA_TYPE,
        written.size,
        written.sha256,
        {**entry.extra, _PLAIN: plain},
    )


def _copied(bundle: Bundle, entry: FileEntry, folder: Path) -> FileEntry:
    target = folder / entry.path
    target.parent.mkdir(parents=True, exist_ok=True)
    _there(bundle, entry)
    digest = hashlib.sha256()
    with bundle.path(entry).open("rb") as source, target.open("xb") as file:
        while portion := source.read(1 << 20):
            digest.update(portion)
            file.write(portion)
    _same(entry, "sha256:" + digest.hexdigest())
    shutil.copymode(bundle.path(entry), target)
    return entry


def _there(bundle: Bundle, entry: FileEntry) -> None:
    path = bundle.path(entry)
    if path.is_symlink() or not path.is_file():
        raise TrustError(f"missing: {entry.path}", hint="seal a bundle that is whole; see: seatrial verify")


def _same(entry: FileEntry, found: str) -> None:
    if found != entry.sha256:
        raise TrustError(
            f"changed: {entry.path} has the digest {found}, expected {entry.sha256}",
            hint="seal the bundle as it was made; see: seatrial verify",
        )


def _manifest(manifest: Manifest, sealing: Sealing, files: tuple[FileEntry, ...]) -> Manifest:
    sealed = {plain_entry(each).path: each.path for each in files}
    models: tuple[ModelEntry, ...] = tuple(
        replace(each, graph=sealed[each.graph]) for each in manifest.models
    )
    told = {
        "format": FORMAT,
        "algorithm": ALGORITHM,
        "bundle": sealing.bundle,
        "keys": [dict(each) for each in sealing.keys],
    }
    return replace(manifest, models=models, files=files, extra={**manifest.extra, _FIELD: told})
