"""What a license permits: the claims, in one canonical form that can be signed and bound to a key.

    {"format": "seatrial/license/1", "id": "L-7f3a", "customer": "ACME", "issuer": "0f3c...",
     "device": "sha256:...", "bundles": ["sha256:...", "digits@>=1.0,<2"], "features": ["serve"],
     "issued": "2026-11-21T00:00:00Z", "not_before": "...", "expires": "...", "grace_days": 7, "sequence": 1,
     "max_calls": 1000000, "max_rows_per_second": 100,
     "binding": "fingerprint", "machine": {"k": 3, "salt": "base64", "of": ["sha256:...", ...]},
     "revocation_days": 30,
     "online": {"url": "http://127.0.0.1:8090", "key": "base64", "device": "base64"}}

Fields from `max_calls` on may be missing: then there is no such limit. A field that this version does not
know is refused: it might be a limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from seatrial.errors import UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.refusals import BadLicense

FORMAT = "seatrial/license/1"
BINDINGS = {
    "tpm": "strong: the device's key is sealed in a TPM, and leaves the machine with the chip only",
    "fingerprint": "medium: the device's key opens where enough parts of the machine are the same; who is "
    "root there can read them and rebuild them elsewhere",
    "none": "none: the device file works wherever it is copied to",
    "key": "none: it is for a customer's own key, and works wherever that key is",
}
MOST_NUMBER = 1 << 53  # what every reader of JSON has exactly

_HINT = "ask for the license again"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_BASE64 = re.compile(r"[A-Za-z0-9+/]{1,172}={0,2}")
_ONE_PART = "weak: one part of the machine only; whoever can write that part elsewhere can copy the device"


@dataclass(frozen=True)
class Machine:
    """Which machine a license is for.

    Attributes:
        k: So many parts of it must be there.
        salt: That the parts were hashed with, base64.
        of: Hashes of the parts, sorted; see `trust.machine`.
    """

    k: int
    salt: str
    of: tuple[str, ...]


@dataclass(frozen=True)
class Online:
    """Where the calls of a license are leased.

    Attributes:
        url: Of the lease server.
        key: Its Ed25519 key, base64; what it answers is signed with it.
        device: The device's Ed25519 key, base64; what it asks is signed with it.
    """

    url: str
    key: str
    device: str


@dataclass(frozen=True)
class Claims:
    """What one license permits.

    Attributes:
        id: Of the license.
        customer: Who it is for, in words.
        issuer: Id of the key that signs it.
        device: Id of the X25519 key that it is for: a device's, or a customer's own.
        bundles: Digests, or `name@range` such as `digits@>=1.0,<2`.
        features: Such as `serve`.
        issued: When it was made.
        not_before: Its term begins.
        expires: Its term ends.
        grace_days: That it still works after that, with a warning.
        sequence: A later license of the same id replaces the earlier.
        max_calls: Rows that may be answered in all; 0: any number.
        max_rows_per_second: 0: any number.
        binding: How the key it is for is held: see `BINDINGS`.
        machine: Which machine; None: the device key alone decides.
        revocation_days: How old the list of revocations may be; 0: none is needed.
        online: Where calls are leased; None: they are counted on the device.
    """

    id: str
    customer: str
    issuer: str
    device: str
    bundles: tuple[str, ...]
    features: tuple[str, ...]
    issued: datetime
    not_before: datetime
    expires: datetime
    grace_days: int = 0
    sequence: int = 1
    max_calls: int = 0
    max_rows_per_second: int = 0
    binding: str = "key"
    machine: Machine | None = None
    revocation_days: int = 0
    online: Online | None = None

    @property
    def ends(self) -> datetime:
        """The term's end with its grace."""
        return self.expires + timedelta(days=self.grace_days)

    def document(self) -> dict[str, Any]:
        """As JSON has it; limits that are not set are left out."""
        told = {name: value for name, value in asdict(self).items() if value not in (None, 0)}
        told |= {"grace_days": self.grace_days, "format": FORMAT}
        for name in ("issued", "not_before", "expires"):
            told[name] = told[name].astimezone(UTC).strftime(_TIME)
        return told

    def to_bytes(self) -> bytes:
        """The canonical form: what content keys are bound to."""
        return canonical(self.document())

    def covers(self, *, digest: str, name: str, version: str) -> bool:
        """Whether a bundle is one of those that it is for."""
        return any(each == digest or _in_range(each, name, version) for each in self.bundles)


def binding_words(binding: str, machine: Machine | None) -> str:
    """How firmly a license or a device is bound to a machine, for people."""
    one = binding == "fingerprint" and machine is not None and len(machine.of) == 1
    return f"{binding}: {_ONE_PART if one else BINDINGS[binding]}"


def read_claims(read: Mapping[str, Any]) -> Claims:
    """Claims from a document.

    Raises:
        UsageError: It is of a version that this Seatrial does not know.
        BadLicense: A field is missing, unknown or no value for it.
    """
    said = read.get("format")
    if said != FORMAT:
        raise UsageError(
            f"the license is of the format {str(said)[:60]!r}, and this version reads {FORMAT!r}",
            hint="take the version of Seatrial that wrote it",
        )
    given = {name: value for name, value in read.items() if name != "format"}
    unknown = sorted(set(given) - {each.name for each in fields(Claims)})
    if unknown:
        raise BadLicense(f"the license says {unknown[0][:60]!r}, which is not known", hint="update Seatrial")
    try:
        return checked(_claims(given))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadLicense(f"the license's claims: {type(error).__name__}: {error}", hint=_HINT) from error


def checked(claims: Claims) -> Claims:
    """Claims that make sense.

    Raises:
        ValueError: They do not; the message names the field.
    """
    if not _ID.fullmatch(claims.id):
        raise ValueError(f"id {claims.id!r}")
    if not claims.bundles or len(claims.bundles) > 1000:
        raise ValueError("bundles: at least one, at most 1000")
    for each in claims.bundles:
        _bundle(each)
    if not claims.features:
        raise ValueError("features: it permits nothing")
    if not claims.not_before < claims.expires:
        raise ValueError("expires: it ends before it begins")
    for name in ("grace_days", "sequence", "max_calls", "max_rows_per_second", "revocation_days"):
        if not 0 <= getattr(claims, name) <= MOST_NUMBER:
            raise ValueError(f"{name}: {getattr(claims, name)}")
    if claims.grace_days > 3660:
        raise ValueError("grace_days: more than ten years")
    if claims.binding not in BINDINGS:
        raise ValueError(f"binding: {claims.binding[:40]!r}")
    machine = claims.machine
    if machine is not None and not 1 <= machine.k <= len(machine.of) <= 32:
        raise ValueError(f"machine: {machine.k} of {len(machine.of)}")
    return claims


def instant(text: Any) -> datetime:
    """A time as the documents here write it: UTC, whole seconds, `2026-11-21T00:00:00Z`.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(text, str):
        raise ValueError(f"{type(text).__name__} is no time")  # noqa: TRY004 - one error for every bad value
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def told_instant(moment: datetime) -> str:
    """A time as `instant` reads it."""
    return moment.astimezone(UTC).strftime(_TIME)


def _claims(given: dict[str, Any]) -> Claims:
    online, machine = given.get("online"), given.get("machine")
    return Claims(
        id=_text(given["id"]),
        customer=_text(given["customer"]),
        issuer=_key_id(given["issuer"]),
        device=_digest(given["device"]),
        bundles=_texts(given["bundles"]),
        features=_texts(given["features"]),
        issued=instant(given["issued"]),
        not_before=instant(given["not_before"]),
        expires=instant(given["expires"]),
        grace_days=_number(given["grace_days"]),
        sequence=_number(given["sequence"]),
        max_calls=_number(given.get("max_calls", 0)),
        binding=_text(given["binding"]),
        max_rows_per_second=_number(given.get("max_rows_per_second", 0)),
        revocation_days=_number(given.get("revocation_days", 0)),
        machine=None if machine is None else read_machine(machine),
        online=None if online is None else _online(online),
    )


def read_machine(read: Any) -> Machine:
    """The part of a document that says which machine.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    if set(read) != {"k", "salt", "of"}:
        raise ValueError("machine: expected k, salt and of")
    return Machine(_number(read["k"]), _base64(read["salt"]), tuple(_digest(each) for each in read["of"]))


def _online(read: Any) -> Online:
    if set(read) != {"url", "key", "device"} or not re.match(r"https?://", _text(read["url"])):
        raise ValueError("online: expected url, key and device")
    return Online(read["url"], _base64(read["key"]), _base64(read["device"]))


def _in_range(said: str, name: str, version: str) -> bool:
    wanted, at, range_ = said.partition("@")
    if not at or wanted != name:
        return False
    if range_ in ("*", version):
        return True
    try:
        return SpecifierSet(range_).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False  # an exact version that is not this one


def _bundle(said: str) -> None:
    name, at, range_ = said.partition("@")
    if not _DIGEST.fullmatch(said) and not (at and _ID.fullmatch(name) and range_.strip()):
        raise ValueError(f"bundles: {said[:80]!r} is neither a digest nor name@range")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > 500 or not value.isprintable():
        raise ValueError(f"{str(value)[:40]!r} is no text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__}, expected a list")
    return tuple(_text(each) for each in value)


def _number(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{type(value).__name__}, expected a whole number")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(f"{str(value)[:80]!r} is no digest")
    return value


def _key_id(value: Any) -> str:
    return _digest(f"sha256:{value}").removeprefix("sha256:")


def _base64(value: Any) -> str:
    if not isinstance(value, str) or not _BASE64.fullmatch(value):
        raise ValueError("no base64")
    return value
