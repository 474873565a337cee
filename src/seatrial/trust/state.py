"""What a device remembers about its licenses: the latest time seen, calls used, what was revoked.

One file beside the device's own, under an HMAC with a key that only the opened device has. Each writing names
the one before it, is on the disk before anything is permitted on its strength, and replaces the file in one
step. An older copy of the file is a good file: that it is older shows only where an anchor (a second file
elsewhere, a counter in a TPM) counts along.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from seatrial.errors import TrustError, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.durable import alone, write_durably
from seatrial.trust.refusals import Replayed
from seatrial.trust.strictjson import read_strictly

FORMAT = "seatrial/device-state/1"
MOST_BYTES = 16 << 20
_HINT = "enroll the device again and ask for a new license"

T = TypeVar("T")


@dataclass
class Use:
    """What is known of one license.

    Attributes:
        used: Rows that were leased from it on this device.
        sequence: The highest of its sequences that was seen.
        after: Nonce of the last question that a lease server granted.
        nonce: Of the question under way; empty: none is.
        asking: Rows that it asks for.
    """

    used: int = 0
    sequence: int = 0
    after: str = ""
    nonce: str = ""
    asking: int = 0


@dataclass
class State:
    """All that a device remembers.

    Attributes:
        floor: The latest time that is certain to have been, seconds since 1970.
        back_seconds: That were spent with the clock behind it.
        lists: Sequence of the newest list of revocations seen, by issuer.
        revoked: Licenses that were seen to be revoked.
        licenses: By id.
    """

    floor: int = 0
    back_seconds: int = 0
    lists: dict[str, int] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    licenses: dict[str, Use] = field(default_factory=dict)

    def use(self, license_id: str) -> Use:
        """What is known of a license; a new entry when there is none."""
        return self.licenses.setdefault(license_id, Use())


class Anchor(Protocol):
    """A number elsewhere that only grows."""

    def read(self) -> int:
        """The number.

        Raises:
            Replayed: It is gone, or was changed.
        """
        ...

    def advance(self, to: int) -> None:
        """Makes it at least this; durable when the call returns."""
        ...


class Ledger(Protocol):
    """Where a `State` is kept."""

    def look(self) -> State:
        """The state as it is."""
        ...

    def alone(self, name: str) -> AbstractContextManager[None]:
        """One user of the state at a time does what has this name."""
        ...

    def change(self, edit: Callable[[State], T], *, counted: bool = True) -> T:
        """Edits the state; durable when the call returns.

        Args:
            edit: Is given the state, and changes it.
            counted: Whether an anchor counts this change: it must when something is taken.
        """
        ...


class MemoryLedger:
    """A state that lasts as long as the process: for licenses that are for no device."""

    def __init__(self) -> None:
        self._state = State()

    def look(self) -> State:
        """The state as it is."""
        return self._state

    def alone(self, name: str) -> AbstractContextManager[None]:
        """There is one user."""
        return nullcontext()

    def change(self, edit: Callable[[State], T], *, counted: bool = True) -> T:
        """Edits the state."""
        return edit(self._state)


class FileLedger:
    """A state in a file.

    Args:
        path: Of the file.
        key: For the HMAC; 32 bytes.
        device: Id of the device; a file of another is refused.
        anchor: That counts along; None: nothing does.
    """

    def __init__(self, path: Path, key: bytes, device: str, anchor: Anchor | None = None) -> None:
        self._path, self._key, self._device, self._anchor = path, key, device, anchor

    def create(self, state: State) -> None:
        """Writes the first state; for enrolling.

        Raises:
            UsageError: It is there already.
        """
        with alone(self._path):
            if self._path.exists():
                raise UsageError(f"{self._path} is there already", hint="name another device file")
            begin = self._anchor.read() if self._anchor is not None else 0
            self._write(state, sequence=begin, previous="")

    def look(self) -> State:
        """The state as it is.

        Raises:
            TrustError: It was changed by somebody else.
            Replayed: It is gone, or older than the anchor says.
        """
        with alone(self._path):
            return self._read()[0]

    def alone(self, name: str) -> AbstractContextManager[None]:
        """One process at a time; the state itself can be changed meanwhile."""
        return alone(self._path.with_name(f"{self._path.name}.{name}"))

    def change(self, edit: Callable[[State], T], *, counted: bool = True) -> T:
        """Edits the state; durable when the call returns.

        The file first, the anchor after it: a crash between leaves the anchor one behind, and the next change
        makes up for it. Nothing is permitted before both are durable.

        Raises:
            TrustError: It was changed by somebody else.
            Replayed: It is gone, or older than the anchor says.
        """
        with alone(self._path):
            state, sequence, mac = self._read()
            answer = edit(state)
            after = sequence + counted
            self._write(state, sequence=after, previous=mac)
            if self._anchor is not None and counted:
                self._anchor.advance(after)
            return answer

    def _read(self) -> tuple[State, int, str]:
        try:
            with self._path.open("rb") as stream:
                data = stream.read(MOST_BYTES + 1)
        except OSError as error:
            raise Replayed(
                f"the device's state {self._path} is gone: {error.strerror}", hint=_HINT
            ) from error
        document = read_strictly(data, f"the device's state {self._path}", most=MOST_BYTES)
        try:
            mac = document.pop("mac")
            good = hmac.compare_digest(str(mac), self._mac(document))
            if not good or document["format"] != FORMAT or document["device"] != self._device:
                raise TrustError(
                    f"changed: {self._path} is not as this device wrote it, or is another's", hint=_HINT
                )
            sequence = int(document["sequence"])
            state = _state(document["state"])
        except (KeyError, TypeError, AttributeError, UsageError) as error:
            raise TrustError(f"damaged: {self._path} is no device's state", hint=_HINT) from error
        self._compare(sequence)
        return state, sequence, str(mac)

    def _compare(self, sequence: int) -> None:
        if self._anchor is None:
            return
        anchored = self._anchor.read()
        if sequence == anchored + 1:  # the crash between the file and the anchor
            self._anchor.advance(sequence)
        elif sequence != anchored:
            raise Replayed(
                f"{self._path} is at change {sequence}, its anchor at {anchored}: an older copy was put back",
                hint=_HINT,
            )

    def _write(self, state: State, *, sequence: int, previous: str) -> None:
        document = {
            "format": FORMAT,
            "device": self._device,
            "sequence": sequence,
            "previous": previous,
            "state": asdict(state),
        }
        write_durably(self._path, canonical({**document, "mac": self._mac(document)}))

    def _mac(self, document: dict[str, Any]) -> str:
        return hmac.new(self._key, b"state\0" + canonical(document), hashlib.sha256).hexdigest()


class FileAnchor:
    """An anchor in a file that lies elsewhere, such as on another disk.

    Args:
        path: Of the file.
        key: For its HMAC.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, key

    def create(self) -> None:
        """Writes the first number; for enrolling.

        Raises:
            UsageError: It is there already.
        """
        if self._path.exists():
            raise UsageError(f"{self._path} is there already", hint="each device has an anchor of its own")
        self._write(0)

    def read(self) -> int:
        """The number.

        Raises:
            Replayed: It is gone, or was changed.
        """
        try:
            read = json.loads(self._path.read_bytes()[:1000])
            number, mac = int(read["count"]), str(read["mac"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Replayed(f"the anchor {self._path} is gone or damaged", hint=_HINT) from error
        if not hmac.compare_digest(mac, self._mac(number)):
            raise Replayed(f"the anchor {self._path} was changed", hint=_HINT)
        return number

    def advance(self, to: int) -> None:
        """Makes it at least this."""
        if self.read() < to:
            self._write(to)

    def _write(self, number: int) -> None:
        write_durably(self._path, canonical({"count": number, "mac": self._mac(number)}))

    def _mac(self, number: int) -> str:
        return hmac.new(self._key, b"anchor\0%d" % number, hashlib.sha256).hexdigest()


def _state(read: dict[str, Any]) -> State:
    uses = {license_id: Use(**each) for license_id, each in read["licenses"].items()}
    return State(**{**read, "licenses": uses})
