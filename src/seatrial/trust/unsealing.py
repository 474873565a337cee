"""Opens a sealed bundle: its models in memory only, in a folder that is a bundle like any other.

    with unsealed(bundle, content_key_of(bundle, private)) as opened:
        session = open_session(open_model(opened.folder / opened.bundle.model("onnx").graph))

The folder holds the manifest of the bundle that was sealed, copies of the readable files that are needed to
run a model, each compared with the manifest, and the sealed files decrypted in memory (see `memory`). Whoever
reads a plain bundle reads this one: the engines' own processes open its files by path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from seatrial.errors import NotFound, TrustError
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import NAME, FileEntry, Manifest
from seatrial.trust.content_keys import holder_id, unwrap
from seatrial.trust.memory import MemoryFolder
from seatrial.trust.sealing import plain_manifest, sealed_entries, sealing_of
from seatrial.trust.stream import SealedFile

_TO_RUN = ("contract", "labels", "sample", "test", "config")  # what is needed beside the models
_HINT = "the sealed bundle is not as it was handed over: ask for it again"


@dataclass(frozen=True)
class Unsealed:
    """A sealed bundle that is open, until `close`.

    Attributes:
        folder: A bundle; its models are in memory.
        bundle: The same, opened.
    """

    folder: Path
    bundle: Bundle
    _memory: MemoryFolder

    def close(self) -> None:
        """Overwrites and frees the models; once more is harmless. End the sessions on them before."""
        self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def content_key_of(bundle: Bundle, private: X25519PrivateKey) -> bytes:
    """The key of a sealed bundle, for a holder that it was sealed for.

    Raises:
        NotFound: The bundle is not sealed.
        TrustError: It was sealed for others, or what it says about its keys was changed.
    """
    sealing = sealing_of(bundle.manifest)
    mine = holder_id(private.public_key())
    for each in sealing.keys:
        if each.get("to") == mine:
            return unwrap(each, private, sealing.context)
    others = ", ".join(str(each.get("to"))[:80] for each in sealing.keys) or "nobody"
    raise TrustError(
        f"wrong key: {bundle.manifest.release} was sealed for {others}, this key is {mine}",
        hint="use the private key whose public key it was sealed for, or a license for this device",
    )


def unseal(
    bundle: Bundle, content_key: bytes, *, formats: Collection[str] | None = None, parent: Path | None = None
) -> Unsealed:
    """Opens a sealed bundle.

    Args:
        bundle: The sealed one.
        content_key: Of `content_key_of`, or of a license.
        formats: Of the models that are decrypted, such as `onnx`; None: all of them.
        parent: Where the folder of links is made; the default is the temporary directory.

    Raises:
        NotFound: The bundle is not sealed.
        TrustError: Anything of it is not as it was sealed; the message begins with one word that says what:
            `wrong key`, `manifest`, `missing`, `header`, `swapped`, `truncated`, `trailing`, `reordered` or
            `changed`.
        Unavailable: This system cannot hold files in memory, or has too little of it.
    """
    plain = plain_manifest(bundle.manifest)
    left_out = _left_out(plain, formats)
    wanted = [
        (sealed, entry)
        for sealed, entry in sealed_entries(bundle.manifest)
        if PurePosixPath(entry.path).parent not in left_out
    ]
    memory = MemoryFolder(parent, real_paths=_split(plain, [entry for _, entry in wanted]))
    try:
        for entry in plain.files:
            if entry.role in _TO_RUN and bundle.manifest.file(entry.path) is not None:
                memory.put(entry.path, _read(bundle, entry))
        for sealed, entry in wanted:
            _decrypt(bundle, sealed, entry, content_key, memory)
        memory.put(NAME, plain.to_bytes())
    except BaseException:
        memory.close()
        raise
    return Unsealed(memory.path, Bundle(memory.path, plain), memory)


@contextmanager
def unsealed(
    bundle: Bundle, content_key: bytes, *, formats: Collection[str] | None = None
) -> Iterator[Unsealed]:
    """`unseal` for as long as a block lasts."""
    opened = unseal(bundle, content_key, formats=formats)
    try:
        yield opened
    finally:
        opened.close()


def _read(bundle: Bundle, entry: FileEntry) -> bytes:
    """The bytes of a readable file, as they are used: compared after they were read."""
    path = bundle.path(entry)
    if path.is_symlink() or not path.is_file():
        raise TrustError(f"missing: {entry.path}", hint=_HINT)
    data = path.read_bytes()
    found = "sha256:" + hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise TrustError(f"changed: {entry.path} has the digest {found}, expected {entry.sha256}", hint=_HINT)
    return data


def _left_out(plain: Manifest, formats: Collection[str] | None) -> set[PurePosixPath]:
    """Folders of the models that are not asked for."""
    if formats is None:
        return set()
    folders = {each.format: PurePosixPath(each.graph).parent for each in plain.models}
    wanted = {folder for name, folder in folders.items() if name in formats}
    if not wanted:
        raise NotFound(
            f"the bundle {plain.release} has no {' or '.join(formats)} model",
            hint=f"it has: {', '.join(folders)}",
        )
    return set(folders.values()) - wanted


def _split(plain: Manifest, entries: Collection[FileEntry]) -> int:
    """Bytes to decrypt when there is an ONNX model among them with weights beside its graph; else 0."""
    folders = [PurePosixPath(each.graph).parent for each in plain.models if each.format == "onnx"]
    beside = [each for each in entries if PurePosixPath(each.path).parent in folders]
    return sum(each.size for each in entries) if len(beside) > len(folders) else 0


def _decrypt(bundle: Bundle, sealed: FileEntry, entry: FileEntry, key: bytes, memory: MemoryFolder) -> None:
    path = bundle.path(sealed)
    if not path.is_file():
        raise TrustError(f"missing: {sealed.path}", hint=_HINT)
    context = {"bundle": sealing_of(bundle.manifest).bundle, "path": entry.path}
    with SealedFile(path) as file:
        file.expect(context)
        if file.header.size != entry.size:  # before so much memory is asked for
            raise TrustError(
                f"header: {sealed.path} announces {file.header.size:,} bytes, expected {entry.size:,}",
                hint=_HINT,
            )
        with memory.room(entry.path, entry.size) as buffer:
            file.decrypt_into(buffer, key, context)
    memory.show(entry.path)
