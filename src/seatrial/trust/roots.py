"""Whose keys count, and how that changes: a chain of roots, each vouched for by the one before it.

A root names keys, how many of them must sign, and until when it holds. The next one is signed by the
threshold of the old keys and by that of the new ones (the rule of The Update Framework, section 5.3), so
that whoever trusts one root can follow to the newest, and a lost key can be taken out without anybody's
help. `roots.json` holds the chain:

    {"format": "seatrial/roots/1", "roots": [envelope, envelope, ...]}

and the payload of each envelope is, in the canonical form,

    {"format": "seatrial/root/1", "name": "acme", "version": 2, "threshold": 2,
     "expires": "2027-11-21T00:00:00Z", "removed": {"KEY ID": "lost laptop"},
     "keys": [{"name": "ann", "pem": "-----BEGIN PUBLIC KEY-----..."}, ...]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from seatrial.errors import TrustError, UsageError
from seatrial.model.manifest import canonical, checked_name
from seatrial.trust.dsse import Envelope, add, envelope_from, verify
from seatrial.trust.keys import PrivateKey, PublicKey, public_from_pem
from seatrial.trust.strictjson import read_strictly

FORMAT, CHAIN = "seatrial/root/1", "seatrial/roots/1"
PAYLOAD_TYPE = "application/vnd.seatrial.root+json"
MOST_BYTES = 4 << 20  # of a chain
MOST_KEYS = 64
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_HINT = "ask for the current roots.json"


@dataclass(frozen=True)
class Root:
    """Whose keys count.

    Attributes:
        name: Whose root it is.
        version: One more than that of the root before it.
        threshold: How many different keys must sign.
        expires: UTC, whole seconds; it counts for nothing afterwards.
        keys: That count.
        removed: Why a key counts no more, by its id.
    """

    name: str
    version: int
    threshold: int
    expires: datetime
    keys: tuple[PublicKey, ...]
    removed: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The canonical form: what is signed."""
        keys = [{"name": each.name, "pem": each.pem.decode()} for each in self.keys]
        return canonical(
            {
                "format": FORMAT,
                "name": self.name,
                "version": self.version,
                "threshold": self.threshold,
                "expires": self.expires.astimezone(UTC).strftime(_TIME),
                "keys": keys,
                "removed": dict(self.removed),
            }
        )


@dataclass(frozen=True)
class Roots:
    """A chain of roots.

    Attributes:
        envelopes: Oldest first.
        chain: What they say.
    """

    envelopes: tuple[Envelope, ...]
    chain: tuple[Root, ...]

    @property
    def current(self) -> Root:
        """The newest."""
        return self.chain[-1]

    def to_bytes(self) -> bytes:
        """The file."""
        return canonical({"format": CHAIN, "roots": [each.to_document() for each in self.envelopes]})


def new_root(name: str, keys: Iterable[PublicKey], *, threshold: int, expires: datetime) -> Roots:
    """The beginning of a chain, not signed yet.

    Raises:
        UsageError: There are too few keys for the threshold, or the name cannot be used.
    """
    listed = tuple(dict.fromkeys(keys))
    root = _sound(Root(checked_name(name, "the name"), 1, threshold, expires, listed))
    return Roots((Envelope(root.to_bytes(), PAYLOAD_TYPE),), (root,))


def next_root(
    roots: Roots,
    *,
    adding: Iterable[PublicKey] = (),
    removing: Mapping[str, str] | None = None,
    threshold: int | None = None,
    expires: datetime | None = None,
) -> Roots:
    """The chain with one root more, not signed yet.

    Args:
        roots: So far, all signed.
        adding: Keys that count from now on.
        removing: Why a key counts no more, by its id.
        threshold: From now on; as before by default.
        expires: From now on; as before by default.

    Raises:
        UsageError: A key to remove is not there, one to add was removed once, or too few are left.
        TrustError: The newest root is not fully signed yet.
    """
    complete(roots)
    old, gone = roots.current, dict(removing or {})
    for each in gone:
        if each not in {key.id for key in old.keys}:
            raise UsageError(f"the key {each[:16]} is not in the root")
    added = tuple(adding)
    for key in added:
        if key.id in {**old.removed, **gone}:
            raise UsageError(f"the key {key.id[:16]} was removed once and does not come back")
    keys = tuple(dict.fromkeys([*(each for each in old.keys if each.id not in gone), *added]))
    root = _sound(
        Root(
            old.name,
            old.version + 1,
            old.threshold if threshold is None else threshold,
            old.expires if expires is None else expires,
            keys,
            {**old.removed, **gone},
        )
    )
    envelope = Envelope(root.to_bytes(), PAYLOAD_TYPE)
    return Roots((*roots.envelopes, envelope), (*roots.chain, root))


def sign_root(roots: Roots, *keys: PrivateKey) -> Roots:
    """The chain with the newest root signed by these keys as well.

    Raises:
        UsageError: A key is neither in the newest root nor in the one before it.
    """
    count = {each.id for root in roots.chain[-2:] for each in root.keys}
    last = roots.envelopes[-1]
    for each in keys:
        if each.id not in count:
            raise UsageError(f"the key {each.id[:16]} is in neither the old nor the new root")
        last = add(last, each)
    return replace(roots, envelopes=(*roots.envelopes[:-1], last))


def complete(roots: Roots) -> None:
    """The newest root is signed by enough of the old and of the new keys.

    Raises:
        TrustError: It is not.
    """
    before = roots.chain[-2] if len(roots.chain) > 1 else None
    for root in (before, roots.current):
        if root is not None:
            what = f"version {roots.current.version} of the root by the keys of version {root.version}"
            verify(
                roots.envelopes[-1], root.keys, payload_type=PAYLOAD_TYPE, threshold=root.threshold, what=what
            )


def read_roots(data: bytes, *, signed: bool = True) -> Roots:
    """A chain from its bytes; every link of it is verified.

    Args:
        data: The file.
        signed: Whether the newest root must be fully signed; not while signatures are collected.

    Raises:
        TrustError: It is damaged, a link does not hold, or a version is missing.
    """
    document = read_strictly(data, "roots.json", most=MOST_BYTES)
    if not isinstance(document, dict) or document.get("format") != CHAIN:
        raise TrustError("damaged: roots.json is no chain of roots", hint=_HINT)
    listed = document.get("roots")
    if not isinstance(listed, list) or not listed:
        raise TrustError("damaged: roots.json holds no root", hint=_HINT)
    envelopes = tuple(envelope_from(each, "a root") for each in listed)
    chain = tuple(_read(each.payload) for each in envelopes)
    for old, new in pairwise(chain):
        if new.name != old.name or new.version != old.version + 1:
            raise TrustError(
                f"broken chain: {new.name} version {new.version} follows {old.name} version {old.version}",
                hint=_HINT,
            )
    roots = Roots(envelopes, chain)
    for count in range(1, len(chain) + (1 if signed else 0)):
        complete(Roots(envelopes[:count], chain[:count]))
    return roots


def holding(roots: Roots, *, now: datetime) -> Root:
    """The newest root, if it still holds.

    Raises:
        TrustError: It is expired.
    """
    root = roots.current
    if now >= root.expires:
        raise TrustError(
            f"expired root: version {root.version} of {root.name} was good until {root.expires:{_TIME}}",
            hint=_HINT,
        )
    return root


def _read(payload: bytes) -> Root:
    read = read_strictly(payload, "a root", most=MOST_BYTES)
    if canonical(read) != payload:
        raise TrustError("ambiguous: a root is not in the canonical form")
    said = read.get("format") if isinstance(read, dict) else None
    if said != FORMAT:
        raise TrustError(f"damaged: a root is of the format {said!r}, and this version reads {FORMAT!r}")
    try:
        expires = datetime.strptime(read["expires"], _TIME).replace(tzinfo=UTC)
        keys = tuple(public_from_pem(each["pem"].encode(), str(each["name"])) for each in read["keys"])
        removed = {str(key): str(why) for key, why in read["removed"].items()}
        root = Root(
            str(read["name"]), _number(read["version"]), _number(read["threshold"]), expires, keys, removed
        )
        return _sound(root)
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise TrustError(f"damaged: a root cannot be read: {error}", hint=_HINT) from error


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{value!r} is no number of things")
    return value


def _sound(root: Root) -> Root:
    ids = {each.id for each in root.keys}
    if not 1 <= root.threshold <= len(ids):
        raise UsageError(f"{root.threshold} signatures are asked for, of {len(ids)} different keys")
    if len(ids) > MOST_KEYS or len(ids) != len(root.keys):
        raise UsageError(f"a root has at most {MOST_KEYS} keys, each once")
    if ids & set(root.removed):
        raise UsageError("a root names a key that it removed")
    return root
