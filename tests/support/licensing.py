"""An issuer, a customer's device and the time, for tests of licenses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seatrial.errors import SeatrialError
from seatrial.model.manifest import Manifest
from seatrial.trust.claims import Claims, Online
from seatrial.trust.device import Device, enroll, open_device
from seatrial.trust.guard import Guard, Holder, Surroundings, open_guard
from seatrial.trust.keys import PrivateKey, new_key
from seatrial.trust.license import issue
from seatrial.trust.strictjson import to_base64

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MANIFEST = Manifest("digits", "1.2.0", NOON - timedelta(days=2), (), ())


@dataclass
class Time:
    """A clock that somebody may set, and seconds since boot that nobody can."""

    wall: datetime = NOON
    boot: float = 1000.0

    def passes(self, **delta: float) -> None:
        moved = timedelta(**delta)
        self.wall += moved
        self.boot += moved.total_seconds()

    def clock(self) -> datetime:
        return self.wall


def at_once(work: Callable[[], int]) -> Future[int]:
    """Another thread that is done before one looks."""
    done: Future[int] = Future()
    try:
        done.set_result(work())
    except SeatrialError as error:
        done.set_exception(error)
    return done


@dataclass
class Office:
    """Issues licenses for one device and opens them there."""

    folder: Path
    issuer: PrivateKey = field(default_factory=new_key)
    server: PrivateKey = field(default_factory=new_key)
    time: Time = field(default_factory=Time)
    anchor: Path | None = None

    @property
    def device_file(self) -> Path:
        return self.folder / "device.json"

    def enroll(self, parts: Mapping[str, str] | None = None, **more: Any) -> None:
        enroll(self.device_file, parts=parts or {}, now=self.time.wall, anchor=self.anchor, **more)

    def device(self, parts: Mapping[str, str] | None = None, path: Path | None = None, **more: Any) -> Device:
        if not self.device_file.exists():
            self.enroll(parts)
        return open_device(path or self.device_file, parts=lambda: parts or {}, **more)

    def claims(self, **changed: Any) -> Claims:
        told: dict[str, Any] = {
            "id": "L-1",
            "customer": "ACME",
            "issuer": "",
            "device": "",
            "bundles": (MANIFEST.digest,),
            "features": ("serve",),
            "issued": NOON,
            "not_before": NOON,
            "expires": NOON + timedelta(days=30),
        }
        return Claims(**(told | changed))

    def license(self, *, device: Device | None = None, by: PrivateKey | None = None, **changed: Any) -> Path:
        """A license file for the device."""
        to = device or self.device()
        path = self.folder / f"{changed.get('id', 'L-1')}-{changed.get('sequence', 1)}.license.json"
        path.write_bytes(issue(self.claims(**changed), by or self.issuer, to=to.told.public))
        return path

    def online(self, device: Device | None = None, url: str = "http://127.0.0.1:1") -> Online:
        raw = self.server.public.point.public_bytes_raw()
        return Online(url, to_base64(raw), (device or self.device()).told.signing)

    def guard(
        self,
        path: Path | None = None,
        *,
        device: Device | None = None,
        revocations: Path | None = None,
        feature: str = "serve",
        **around: Any,
    ) -> Guard:
        held = device or self.device()
        holder = Holder(held, held.told.id, [self.issuer.public], revocations)
        about = {"submit": at_once, "monotonic": lambda: self.time.boot} | around
        surroundings = Surroundings(clock=self.time.clock, boot=lambda: self.time.boot, **about)
        return open_guard(path or self.license(), holder, feature=feature, surroundings=surroundings)
