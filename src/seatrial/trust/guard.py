"""The one object that a server asks: may this be answered?

    guard = open_guard(Path("x.license.json"), device=device, issuers=[...], feature="serve")
    guard.admit(bundle.manifest)      # once a bundle
    guard.take(rows)                  # once a request; raises why not

What changes slowly (the term, the clock, revocations) is looked at once a second; between two looks a request
costs two comparisons and two subtractions.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from seatrial.errors import SeatrialError, UsageError
from seatrial.model.manifest import Manifest
from seatrial.trust.claims import Claims
from seatrial.trust.clockfloor import ClockFloor, boot_seconds
from seatrial.trust.device import Device
from seatrial.trust.keys import PublicKey
from seatrial.trust.lease import Ask, OnlineCalls, ask_over_http
from seatrial.trust.license import License, license_bytes, read_license
from seatrial.trust.quota import BLOCK, LocalCalls, Quota, Submit, again
from seatrial.trust.rate import Bucket
from seatrial.trust.refusals import (
    Expired,
    FeatureMissing,
    LicenseError,
    NotYetValid,
    Replayed,
    WrongBundle,
    WrongMachine,
)
from seatrial.trust.revocation import DAY, RevocationCheck
from seatrial.trust.sealing import is_sealed, plain_manifest
from seatrial.trust.state import Ledger, MemoryLedger, State

LOOK_SECONDS = 1.0
TPM_BLOCK = 10_000  # a counter in a TPM takes 50 ms, and wears out


@dataclass(frozen=True)
class Surroundings:
    """What a guard is told instead of asking: for tests, and for whoever knows better.

    Attributes:
        clock: The wall clock.
        boot: Seconds since boot.
        monotonic: For looks and rates.
        submit: Does something in another thread; None: a thread of the guard's own.
        ask: Of a license how to ask its lease server; None: over HTTP.
    """

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    boot: Callable[[], float] = boot_seconds
    monotonic: Callable[[], float] = time.monotonic
    submit: Submit | None = None
    ask: Ask | None = None


@dataclass(frozen=True)
class Holder:
    """Who uses the licenses.

    Attributes:
        device: The opened device; None: a license for a customer's own key, which cannot count calls.
        key_id: Of the key that licenses must be for.
        issuers: Whose licenses are believed.
        revocations: A list; None: there is none.
    """

    device: Device | None
    key_id: str
    issuers: Sequence[PublicKey]
    revocations: Path | None = None


class Guard:
    """One license in use.

    Args:
        held: The license; believed already.
        holder: Who uses it.
        feature: What for.
        surroundings: Clocks and threads.

    Attributes:
        license: As given.
        refusals: How often it said no while it was used, by the name of the class.
        notice: What the user should be warned of; empty: nothing.

    Raises:
        LicenseError: It does not permit that now, by its own class for each reason.
        Unavailable: Its lease server does not answer.
    """

    def __init__(
        self, held: License, holder: Holder, *, feature: str, surroundings: Surroundings | None = None
    ) -> None:
        self.license, self.notice = held, ""
        self.refusals: Counter[str] = Counter()
        claims, around = held.claims, surroundings or Surroundings()
        _check_holder(claims, holder)
        if feature not in claims.features:
            raise FeatureMissing(
                f"the license {claims.id} does not permit {feature!r}, only: {', '.join(claims.features)}",
                hint="ask for a license with this feature",
            )
        self._ledger: Ledger = holder.device.ledger if holder.device is not None else MemoryLedger()
        self._ledger.change(partial(_begin, claims=claims))
        self._time = ClockFloor(
            self._ledger, clock=around.clock, boot=around.boot, grace=float(claims.grace_days * DAY)
        )
        self._time.raise_to(claims.issued.timestamp())
        self._revocations = RevocationCheck(holder.revocations, holder.issuers, self._ledger)
        self._threads = ThreadPoolExecutor(1, "seatrial-license") if around.submit is None else None
        self._submit: Submit = around.submit or self._in_thread
        self._monotonic = around.monotonic
        self._bucket = Bucket(claims.max_rows_per_second, around.monotonic)
        self._limited = bool(claims.max_rows_per_second)
        self._until = 0.0
        self._refused: SeatrialError | None = None
        self._quota: Quota | None = None
        try:
            self._look(around.monotonic())
            self._ledger.change(partial(_accept, claims=claims))
            self._quota = self._counted(holder, around)
        except BaseException:
            self.close()
            raise

    @property
    def calls_left(self) -> int | None:
        """Rows that can still be answered; None: any number."""
        return None if self._quota is None else self._quota.left

    @property
    def days_left(self) -> float:
        """Until the term ends; below 0: in grace."""
        try:
            now = self._time.now()
        except LicenseError:
            return 0.0
        return (self.license.claims.expires.timestamp() - now) / DAY

    def admit(self, manifest: Manifest) -> None:
        """A bundle may be used under this license.

        Raises:
            WrongBundle: It is another.
            ClockBack: The bundle is younger than the clock says it is now.
        """
        claims = self.license.claims
        if is_sealed(manifest):  # a license speaks of what was sealed
            manifest = plain_manifest(manifest)
        if not claims.covers(digest=manifest.digest, name=manifest.name, version=manifest.version):
            raise WrongBundle(
                f"the license {claims.id} is not for {manifest.release} ({manifest.digest[:19]}...), "
                f"but for {', '.join(claims.bundles)[:300]}",
                hint="ask for a license of this bundle",
            )
        self._time.raise_to(manifest.created.timestamp())
        self._time.now()

    def take(self, rows: int = 1) -> None:
        """So many rows may be answered now, and are counted.

        Raises:
            LicenseError: They may not; the class says why.
            OverRate: Not yet.
            Unavailable: Its lease server does not answer.
        """
        now = self._monotonic()
        try:
            if now >= self._until:
                self._look_again(now)
            if self._refused is not None:
                raise again(self._refused)
            if self._limited:
                self._bucket.take(rows, now)
            if self._quota is not None:
                self._quota.take(rows)
        except SeatrialError as error:
            self.refusals[type(error).__name__] += 1
            raise

    def give(self, rows: int = 1) -> None:
        """These rows were not answered after all, through no fault of the asker."""
        if self._quota is not None:
            self._quota.give(rows)

    def close(self) -> None:
        """Gives back what was not used, writes the time down, ends the thread."""
        try:
            if self._quota is not None:
                self._quota.close()
            self._time.keep()
        finally:
            if self._threads is not None:
                self._threads.shutdown(wait=True)

    def _look_again(self, now: float) -> None:
        try:
            self._look(now)
        except SeatrialError as error:
            self._refused, self._until = error, now + LOOK_SECONDS
            return
        self._refused = None
        if self._quota is not None:
            self._quota.look_again()
        if self._time.due:
            self._submit(self._keep)

    def _look(self, now: float) -> None:
        """The term, the clock, the revocations."""
        claims = self.license.claims
        self._revocations.look()
        self._time.raise_to(self._revocations.issued)
        moment = self._time.now()
        warnings = [_term(claims, moment), self._revocations.check(claims, moment)]
        if self._time.behind:
            warnings.append(
                f"the clock is {self._time.behind / 3600:.1f} h behind a time that was seen before"
            )
        self.notice = "; ".join(each for each in warnings if each)
        self._until = now + LOOK_SECONDS

    def _counted(self, holder: Holder, around: Surroundings) -> Quota | None:
        claims = self.license.claims
        if holder.device is None or not (claims.max_calls or claims.online):
            return None
        if claims.online is not None:
            calls: OnlineCalls | LocalCalls = OnlineCalls(
                claims,
                device=holder.device.told.id,
                signing=holder.device.signing,
                ledger=self._ledger,
                ask=around.ask or ask_over_http(claims.online.url),
                told_time=lambda moment: self._time.raise_to(moment.timestamp()),
            )
        else:
            calls = LocalCalls(self._ledger, claims.id, claims.max_calls)
        block = TPM_BLOCK if holder.device.anchored == "tpm" else BLOCK
        quota = Quota(calls, self._submit, block=block)
        quota.fill()
        return quota

    def _in_thread(self, work: Callable[[], int]) -> Future[int]:
        if self._threads is None:
            raise RuntimeError("there is no thread")
        return self._threads.submit(work)

    def _keep(self) -> int:
        self._time.keep()
        return 0


def open_guard(
    path: Path, holder: Holder, *, feature: str = "serve", surroundings: Surroundings | None = None
) -> Guard:
    """The guard of a license file.

    Args:
        path: Of the license.
        holder: Who uses it.
        feature: What for.
        surroundings: Clocks and threads; the default are the real ones.

    Raises:
        NotFound: There is no such file.
        LicenseError: It does not permit that; the class says why.
        Unavailable: Its lease server does not answer.
    """
    return Guard(
        read_license(license_bytes(path), holder.issuers), holder, feature=feature, surroundings=surroundings
    )


def _check_holder(claims: Claims, holder: Holder) -> None:
    if claims.device != holder.key_id:
        raise WrongMachine(
            f"the license {claims.id} is for the key {claims.device[:19]}..., "
            f"this one is {holder.key_id[:19]}...",
            hint="send device.pub.json of this machine to whoever issues licenses",
        )
    if holder.device is None:
        if claims.max_calls or claims.online or claims.machine:
            raise UsageError(
                f"the license {claims.id} counts calls or names a machine, and no device is given",
                hint="give --device device.json",
            )
        return
    machine = claims.machine
    if machine is None:
        return
    same = len(holder.device.tags.intersection(machine.of))
    if same < machine.k:
        raise WrongMachine(
            f"wrong machine: {same} of the {len(machine.of)} parts that the license {claims.id} names "
            f"are here, {machine.k} are needed",
            hint="ask for a license of this machine",
        )


def _begin(state: State, *, claims: Claims) -> None:
    """Knows of the license from now on.

    Raises:
        Replayed: A later one with its id was in use.
    """
    use = state.use(claims.id)
    if claims.sequence < use.sequence:
        raise Replayed(
            f"the license {claims.id} number {claims.sequence} was replaced by number {use.sequence}",
            hint="use the newest license",
        )
    state.floor = max(state.floor, int(claims.issued.timestamp()))


def _accept(state: State, *, claims: Claims) -> None:
    """From now on no earlier license with its id is good: this one is, and its term has begun."""
    use = state.use(claims.id)
    use.sequence = max(use.sequence, claims.sequence)


def _term(claims: Claims, now: float) -> str:
    """Whether it is the time of the license; a warning in its grace.

    Raises:
        NotYetValid, Expired: It is not.
    """
    if now < claims.not_before.timestamp():
        raise NotYetValid(
            f"not yet valid: the license {claims.id} begins on {claims.not_before:%Y-%m-%d %H:%M} UTC",
            hint="is the clock right?",
        )
    if now < claims.expires.timestamp():
        return ""
    left = claims.ends.timestamp() - now
    if left <= 0:
        raise Expired(
            f"expired: the license {claims.id} ended on {claims.expires:%Y-%m-%d}"
            + (
                f", its {claims.grace_days} days of grace on {claims.ends:%Y-%m-%d}"
                if claims.grace_days
                else ""
            ),
            hint="ask for a new license",
        )
    ended = f"the license {claims.id} expired on {claims.expires:%Y-%m-%d}"
    return f"{ended}; it works for {left / DAY:.1f} days more"
