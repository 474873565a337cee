"""Signing a bundle: only what the gate vouches for, and never without having looked at every byte."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from seatrial.errors import TrustError, UsageError
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import SIGNATURES
from seatrial.trust.dsse import MOST_BYTES, Envelope, add, read_envelope
from seatrial.trust.gate import Gate, look_at
from seatrial.trust.keys import PrivateKey
from seatrial.trust.statement import PAYLOAD_TYPE, read_statement, statement_of

try:
    import fcntl
except ImportError:  # Windows: two people who sign one folder there at once are asked not to
    fcntl = None  # type: ignore[assignment]

ENVELOPE = f"{SIGNATURES}/bundle.dsse.json"
MOST_DESPITE = 1000  # characters of a reason


def sign_bundle(bundle: Bundle, *keys: PrivateKey, despite: str = "", gate: Gate | None = None) -> Envelope:
    """Adds signatures to `signatures/bundle.dsse.json`; those that are there stay.

    Args:
        bundle: To sign; every file is hashed once.
        keys: To sign with.
        despite: Why it is signed although the gate does not vouch for it. It is part of what is signed, and
            everybody who verifies is shown it. Ignored when the gate vouches.
        gate: What `look_at(bundle)` has just returned, if the caller did so.

    Returns:
        The envelope as it is now.

    Raises:
        TrustError: A file is not as listed; the gate does not vouch for the bundle; or what others signed
            here is about other content.
        UsageError: There is no key, or the file cannot be written.
    """
    if not keys:
        raise UsageError("there is no key to sign with", hint="make one with: seatrial keys new")
    gate, reason = vouched(bundle, despite=despite, gate=gate)
    payload = statement_of(bundle, gate, despite=reason).to_bytes()
    return add_signatures(bundle, ENVELOPE, payload, keys)


def add_signatures(bundle: Bundle, name: str, payload: bytes, keys: Sequence[PrivateKey]) -> Envelope:
    """Adds signatures to a file in `signatures/`; it may hold signatures over the same payload only.

    Raises:
        TrustError: It holds signatures over another.
        UsageError: There is no key, or it cannot be written.
    """
    if not keys:
        raise UsageError("there is no key to sign with", hint="make one with: seatrial keys new")
    path = bundle.folder / name
    with alone(path.parent):
        envelope = _there(path, payload) or Envelope(payload, PAYLOAD_TYPE)
        for each in keys:
            envelope = add(envelope, each)
        write_whole(path, envelope.to_bytes())
    return envelope


def vouched(bundle: Bundle, *, despite: str, gate: Gate | None) -> tuple[Gate, str]:
    """The verdict in a bundle whose files are as listed, and why it is signed when that does not vouch.

    Raises:
        TrustError: A file is not as listed, or the gate does not vouch for the bundle and no reason was
            given.
        UsageError: The reason is too long.
    """
    if len(despite) > MOST_DESPITE:
        raise UsageError(f"the reason has {len(despite)} characters, more than {MOST_DESPITE}")
    gate = gate or look_at(bundle)
    if gate.objection and not despite.strip():
        raise TrustError(
            f"gate: the bundle is not signed, {gate.objection}",
            hint="check the model again, or sign --despite REASON, which everybody who verifies will see",
        )
    return gate, despite.strip() if gate.objection else ""


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that it is there as before, or as now, whatever happens on the way.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(0o644)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def read_whole(path: Path, *, most: int) -> bytes:
    """The bytes of a file that may lie in hostile hands: never a link, and not more than `most` of them.

    Raises:
        TrustError: It is a link, no plain file, or bigger.
        UsageError: It cannot be read.
    """
    if path.is_symlink() or not path.is_file():
        raise TrustError(f"link: {path.name} is no plain file")
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > most:
        raise TrustError(f"too big: {path.name} has more than {most} bytes")
    return data


def _there(path: Path, payload: bytes) -> Envelope | None:
    """What is signed already, if it is the same."""
    if not os.path.lexists(path):
        return None
    envelope = read_envelope(read_whole(path, most=MOST_BYTES), path.name)
    if envelope.payload == payload and envelope.payload_type == PAYLOAD_TYPE:
        return envelope
    said = read_statement(envelope.payload, path.name).predicate.get("despite")
    raise TrustError(
        f"other content: {path.name} holds signatures over something else"
        + (f", with the reason {said!r}" if said else ""),
        hint=f"give the same --despite, or remove {path} to begin anew",
    )


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Two may write into one folder at once: the second waits, and nothing is lost.

    Raises:
        TrustError: The folder is a link.
        UsageError: It cannot be made.
    """
    try:
        if folder.is_symlink():
            raise TrustError(f"link: {folder.name} leads elsewhere")
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY) if fcntl else -1
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if fcntl:
            os.close(handle)
