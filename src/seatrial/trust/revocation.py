"""Licenses that their issuer took back: a signed list that grows old.

    {"format": "seatrial/revocations/1", "issuer": "0f3c...", "sequence": 7, "issued": "2026-11-21T00:00:00Z",
     "revoked": [{"license": "L-7f3a", "when": "2026-11-20T00:00:00Z", "why": "contract ended"}]}

A list says when it was signed, and a license how old the list may be (`revocation_days`): whoever keeps the
newest list away gains those days and the grace, no more. A device never goes back to an earlier list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from seatrial.errors import NotFound, TrustError, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.claims import Claims, instant, told_instant
from seatrial.trust.dsse import read_envelope, sign, verify
from seatrial.trust.durable import write_durably
from seatrial.trust.keys import PrivateKey, PublicKey
from seatrial.trust.refusals import Replayed, Revoked, StaleRevocations
from seatrial.trust.state import Ledger, State
from seatrial.trust.strictjson import read_strictly

FORMAT = "seatrial/revocations/1"
PAYLOAD_TYPE = "application/vnd.seatrial.revocations+json"
MOST_BYTES = 16 << 20
DAY = 86400
_HINT = "ask whoever issued the license for the newest list"


@dataclass(frozen=True)
class Revocation:
    """One license that is good no longer.

    Attributes:
        license: Its id.
        when: It was taken back.
        why: For people; may be empty.
    """

    license: str
    when: datetime
    why: str = ""


@dataclass(frozen=True)
class Revocations:
    """A list of them.

    Attributes:
        issuer: Id of the key that signs it.
        sequence: Grows from list to list.
        issued: When it was signed.
        revoked: By license.
    """

    issuer: str
    sequence: int
    issued: datetime
    revoked: tuple[Revocation, ...] = ()

    def of(self, license_id: str) -> Revocation | None:
        """What it says of a license."""
        return next((each for each in self.revoked if each.license == license_id), None)


def revoke(
    path: Path, key: PrivateKey, licenses: Sequence[str], *, now: datetime, why: str = ""
) -> Revocations:
    """Puts licenses on a list, or signs it anew with today's date when none is named.

    Args:
        path: Of the list; made when it is not there.
        key: Of the issuer.
        licenses: Ids.
        now: For the date.
        why: For people.

    Raises:
        TrustError: The list that is there is not this issuer's.
    """
    before = Revocations(key.id, 0, now)
    if path.exists():
        before = read_revocations(path, [key.public])
    known = {each.license: each for each in before.revoked}
    for each in licenses:
        known.setdefault(each, Revocation(each, now, why))
    after = replace(
        before, sequence=before.sequence + 1, issued=now, revoked=tuple(known[each] for each in sorted(known))
    )
    write_durably(path, sign(canonical(_document(after)), PAYLOAD_TYPE, key).to_bytes() + b"\n")
    path.chmod(0o644)  # there is no secret in it
    return after


def read_revocations(path: Path, issuers: Sequence[PublicKey]) -> Revocations:
    """A list, believed.

    Raises:
        NotFound: There is none.
        TrustError: It is damaged, or none of these issuers signed it.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotFound(f"there is no list of revocations {path}: {error.strerror}", hint=_HINT) from error
    what = f"the list of revocations {path}"
    if len(data) > MOST_BYTES:
        raise TrustError(f"too big: {what} has more than {MOST_BYTES} bytes", hint=_HINT)
    envelope = read_envelope(data, what)
    signed = verify(envelope, issuers, payload_type=PAYLOAD_TYPE, what=what)
    document = read_strictly(envelope.payload, what, most=MOST_BYTES)
    try:
        found = _revocations(document)
    except (KeyError, TypeError, ValueError) as error:
        raise TrustError(f"damaged: {what}: {type(error).__name__}: {error}", hint=_HINT) from error
    if found.issuer not in {each.id for each in signed}:
        raise TrustError(f"wrong key: {what} names another issuer than the one who signed it", hint=_HINT)
    return found


class RevocationCheck:
    """Asks a list whether a license is still good, and remembers what it said.

    Args:
        path: Of the list; None: there is none.
        issuers: Whose lists are believed.
        ledger: Remembers the newest list, and what was revoked.
    """

    def __init__(self, path: Path | None, issuers: Sequence[PublicKey], ledger: Ledger) -> None:
        self._path, self._issuers, self._ledger = path, issuers, ledger
        self._stamp: tuple[int, int, int] | None = None
        self._list: Revocations | None = None
        self._revoked = frozenset(ledger.look().revoked)

    @property
    def issued(self) -> float:
        """When the list was signed, seconds since 1970; 0: there is none."""
        return self._list.issued.timestamp() if self._list is not None else 0.0

    def look(self) -> None:
        """Reads the list again when its file changed.

        Raises:
            TrustError: It is damaged, or somebody else's.
            Replayed: It is older than one that was seen.
        """
        if self._path is None:
            return
        try:
            told = self._path.stat()
        except OSError:
            self._stamp = self._list = None  # gone: as if there were none, which `check` then judges
            return
        stamp = (told.st_mtime_ns, told.st_size, told.st_ino)
        if stamp == self._stamp:
            return
        found = read_revocations(self._path, self._issuers)
        seen = self._ledger.look().lists.get(found.issuer, 0)
        if found.sequence < seen:
            raise Replayed(
                f"the list of revocations {self._path} is number {found.sequence}, "
                f"and number {seen} was seen before",
                hint=_HINT,
            )
        mine = self._ledger.look().licenses
        fresh = [
            each
            for each in found.revoked
            if each.license in mine and f"{found.issuer} {each.license}" not in self._revoked
        ]
        if found.sequence > seen or fresh:
            self._ledger.change(lambda state: _remember(state, found))
            self._revoked = frozenset(self._ledger.look().revoked)
        self._list, self._stamp = found, stamp

    def check(self, claims: Claims, now: float) -> str:
        """Whether the license is still good.

        Args:
            claims: Of the license.
            now: Seconds since 1970.

        Returns:
            A warning; empty: all is well.

        Raises:
            Revoked: It is not.
            StaleRevocations: Nobody can tell.
        """
        of_its_issuer = self._list if self._list and self._list.issuer == claims.issuer else None
        found = of_its_issuer.of(claims.id) if of_its_issuer else None
        if found is not None or f"{claims.issuer} {claims.id}" in self._revoked:
            since = f" on {found.when:%Y-%m-%d}" if found else ""
            why = f": {found.why}" if found and found.why else ""
            raise Revoked(f"the license {claims.id} was revoked{since}{why}", hint="ask who issued it")
        if not claims.revocation_days:
            return ""
        if of_its_issuer is None:
            raise StaleRevocations(
                f"the license {claims.id} asks for a list of revocations, and there is none", hint=_HINT
            )
        late = (now - of_its_issuer.issued.timestamp()) / DAY - claims.revocation_days
        if late <= 0:
            return ""
        told = f"the list of revocations is {late + claims.revocation_days:.1f} days old"
        if late > claims.grace_days:
            raise StaleRevocations(f"{told}, {claims.revocation_days} are allowed", hint=_HINT)
        return f"{told}; in {claims.grace_days - late:.1f} days the license stops"


def _remember(state: State, found: Revocations) -> None:
    state.lists[found.issuer] = found.sequence
    # Only what this device has a license for: the list of all customers is no business of its state.
    state.revoked = sorted(
        {*state.revoked}
        | {f"{found.issuer} {each.license}" for each in found.revoked if each.license in state.licenses}
    )


def _document(told: Revocations) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "issuer": told.issuer,
        "sequence": told.sequence,
        "issued": told_instant(told.issued),
        "revoked": [
            {"license": each.license, "when": told_instant(each.when), "why": each.why}
            for each in told.revoked
        ],
    }


def _revocations(read: Any) -> Revocations:
    if read["format"] != FORMAT:
        raise UsageError(
            f"the list of revocations is of the format {str(read['format'])[:60]!r}", hint="update"
        )
    sequence = read["sequence"]
    if type(sequence) is not int or sequence < 1:
        raise ValueError("sequence")
    return Revocations(
        str(read["issuer"]),
        sequence,
        instant(read["issued"]),
        tuple(
            Revocation(str(each["license"]), instant(each["when"]), str(each["why"]))
            for each in read["revoked"]
        ),
    )
