"""The licenses of one server: which of them a bundle is served under, and what they tell."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from seatrial.errors import SeatrialError, TrustError, UsageError
from seatrial.model.bundle import Bundle, bundle_around
from seatrial.serve.metrics import Read
from seatrial.serve.model import ServedModel
from seatrial.serve.settings import License, Model
from seatrial.serve.versions.bundles import Opener
from seatrial.serve.versions.keeper import Load
from seatrial.serve.versions.layout import Found
from seatrial.trust.content_keys import holder_id
from seatrial.trust.device import Device, open_device
from seatrial.trust.guard import Guard, Holder, Surroundings, open_guard
from seatrial.trust.keys import load_public
from seatrial.trust.machine import read_parts
from seatrial.trust.refusals import LicenseError, WrongBundle

FEATURE = "serve"
Key = Callable[[], Any]  # an X25519 private key

_log = logging.getLogger("seatrial.serve")
_GET_ONE = "ask for one, and give it with: seatrial serve --license FILE --device device.json"


class Licensing:
    """Opened licenses; without any, everything is served that does not ask for one.

    Args:
        settings: Which files.
        key: Gives the customer's own private key, when licenses are for that and not for a device.
        surroundings: Clocks and threads of the guards; the default are the real ones.

    Raises:
        NotFound: A file is not there.
        TrustError: A license does not permit to serve here; its class says why.
        UsageError: Files are missing that go together.
    """

    def __init__(
        self, settings: License, *, key: Key | None = None, surroundings: Surroundings | None = None
    ) -> None:
        self._around, self._key = surroundings, key
        self._guards: tuple[Guard, ...] = ()
        self._private: Any = None
        self._served: dict[tuple[str, str], Bundle] = {}
        self._opened_with: dict[str, bytes] = {}  # sealed bundle -> sha256 of the content key that opened it
        self._refused: dict[tuple[str, ...], float] = {}
        self._guards, self._private = self._opened(settings)

    def load_with(self, load: Load) -> Load:
        """A way to load versions that admits none without its license.

        Args:
            load: Loads one.
        """

        async def licensed(
            name: str, found: Found, model: Model, now: ServedModel | None, *, like: ServedModel | None
        ) -> ServedModel:
            guard = self._guard(found.path)
            served = await load(name, found, model, now, like=like)
            bundle = bundle_around(found.path)
            if guard is not None and bundle is not None:
                self._served[name, served.version] = bundle
            served.guard = guard
            return served

        return licensed

    def opener(self, other: Opener | None) -> Opener | None:
        """What gives the content keys of sealed bundles: the licenses, else another way.

        Args:
            other: That way; None: there is none.
        """
        if not self._guards:
            return other

        def opener(bundle: Bundle) -> bytes:
            for each in self._guards:
                if bundle.digest in each.license.content_keys:
                    each.admit(bundle.manifest)
                    key = each.license.content_key(bundle.digest, self._private)
                    found = hashlib.sha256(key).digest()
                    if self._opened_with.setdefault(bundle.digest, found) == found:
                        return key
            if other is not None:
                return other(bundle)
            raise WrongBundle(
                f"no license has the key of the sealed bundle {bundle.manifest.release} "
                f"({bundle.digest[:19]}...)",
                hint="ask for a license that was issued with --bundle and --seal-key of this very bundle",
            )

        return opener

    def reopened(self, settings: License) -> Licensing:
        """The same with the files as they are now: for a license that was renewed; blocks for a while.

        Raises:
            SeatrialError: As at the start; then these here stay in force.
        """
        fresh = Licensing(settings, key=self._key, surroundings=self._around)
        fresh._opened_with |= self._opened_with
        try:
            for bundle in self._served.values():
                fresh._guard(bundle.folder)
        except BaseException:
            fresh.close()
            raise
        return fresh

    def take_over(self, fresh: Licensing, models: Iterable[ServedModel]) -> None:
        """From now on what `reopened` made is in force; the earlier licenses are given back.

        Args:
            fresh: That was made.
            models: That are served.
        """
        before, self._guards, self._private = self._guards, fresh._guards, fresh._private
        for model in models:
            bundle = self._served.get((model.name, model.version))
            model.guard = self._covering(bundle) if bundle is not None else None
        self._count(before)
        _close(before)

    def families(self) -> Sequence[Read]:
        """Metrics: what is left, and how often a license said no."""
        return [
            Read(
                "seatrial_license_days_left", "Days until the license ends; below 0: in its grace.",
                "gauge", ("license",),
                read=lambda: {(each.license.claims.id,): each.days_left for each in self._guards},
            ),
            Read(
                "seatrial_license_calls_left", "Rows that the license still permits; none: any number.",
                "gauge", ("license",), read=self._calls_left,
            ),
            Read(
                "seatrial_license_refused_total", "Requests that the license did not permit.",
                "counter", ("license", "reason"), read=self._refusals,
            ),
        ]  # fmt: skip

    def lines(self) -> list[str]:
        """What is in force, for people."""
        lines = []
        for each in self._guards:
            claims, calls = each.license.claims, each.calls_left
            left = "any number of calls" if calls is None else f"{calls:,} calls left"
            lines.append(f"license {claims.id} for {claims.customer}: {each.days_left:.0f} days, {left}")
            if each.notice:
                lines.append(f"  WARNING: {each.notice}")
        return lines

    def close(self) -> None:
        """Gives back what was not used; blocks for a while."""
        _close(self._guards)

    def _opened(self, settings: License) -> tuple[tuple[Guard, ...], Any]:
        if not settings.files:
            if settings.device or settings.issuers:
                raise UsageError("a device and issuers are given, and no license", hint="give --license FILE")
            return (), None
        holder, private = _holder(settings, self._key)
        with ExitStack() as opened:
            guards = []
            for each in settings.files:
                guard = open_guard(each, holder, feature=FEATURE, surroundings=self._around)
                opened.callback(guard.close)
                guards.append(guard)
            opened.pop_all()
        return tuple(guards), private

    def _guard(self, path: Path) -> Guard | None:
        """The guard that a version is served under.

        Raises:
            LicenseError: It needs a license, and there is none for it.
        """
        bundle = bundle_around(path)
        if not self._guards:
            if bundle is not None and bundle.manifest.extra.get("license_required"):
                raise LicenseError(f"{bundle.manifest.release} asks for a license", hint=_GET_ONE)
            return None
        if bundle is None:
            raise WrongBundle(f"{path} is in no bundle, and licenses are for bundles", hint=_GET_ONE)
        return self._covering(bundle)

    def _covering(self, bundle: Bundle) -> Guard:
        first: LicenseError | None = None
        for each in self._with_key(bundle):
            try:
                each.admit(bundle.manifest)
            except LicenseError as error:
                first = first or error
            else:
                return each
        raise first or WrongBundle(f"there is no license for {bundle.manifest.release}", hint=_GET_ONE)

    def _with_key(self, bundle: Bundle) -> list[Guard]:
        """The guards that may count for a bundle: of a sealed one those whose license opens it.

        Else who issues a license to himself, with no key and no limits in it, would have the limits of the
        one with the key counted by nobody.
        """
        named = [each for each in self._guards if bundle.digest in each.license.content_keys]
        if not named and bundle.digest not in self._opened_with:
            return list(self._guards)
        return [each for each in named if self._opens(each, bundle.digest)]

    def _opens(self, guard: Guard, digest: str) -> bool:
        try:
            key = guard.license.content_key(digest, self._private)
        except TrustError:
            return False
        return self._opened_with.get(digest, found := hashlib.sha256(key).digest()) == found

    def _calls_left(self) -> Mapping[tuple[str, ...], float]:
        left = {(each.license.claims.id,): each.calls_left for each in self._guards}
        return {name: float(calls) for name, calls in left.items() if calls is not None}

    def _refusals(self) -> Mapping[tuple[str, ...], float]:
        found = dict(self._refused)
        for each in self._guards:
            for reason, count in each.refusals.items():
                key = (each.license.claims.id, reason)
                found[key] = found.get(key, 0.0) + count
        return found

    def _count(self, guards: Iterable[Guard]) -> None:
        """What earlier licenses refused stays counted."""
        for each in guards:
            for reason, count in each.refusals.items():
                key = (each.license.claims.id, reason)
                self._refused[key] = self._refused.get(key, 0.0) + count


def _close(guards: Iterable[Guard]) -> None:
    for each in guards:
        try:
            each.close()
        except SeatrialError as error:
            _log.warning("license %s: %s", each.license.claims.id, error.message)


def _holder(settings: License, key: Key | None) -> tuple[Holder, Any]:
    issuers = [load_public(each) for each in settings.issuers]
    if settings.device is not None:
        device: Device = open_device(settings.device, parts=read_parts)
        believed = [*issuers, *device.issuers]
        return Holder(device, device.told.id, believed, settings.revocations), device.private
    if key is None:
        raise UsageError(
            "a license is for a device, and none is given",
            hint="give --device device.json; see docs/how-to/license.md",
        )
    private = key()
    return Holder(None, holder_id(private.public_key()), issuers, settings.revocations), private
