"""A license and a device in plain words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.trust.claims import Claims
    from seatrial.trust.device import Device


def license_lines(claims: Claims, now: datetime) -> list[str]:
    """What a license permits, and for how long still."""
    from seatrial.trust.claims import binding_words

    calls = f"{claims.max_calls:,} in all" if claims.max_calls else "any number"
    where = f"counted by {claims.online.url}" if claims.online else "counted on the device"
    rate = f"{claims.max_rows_per_second:,} rows a second" if claims.max_rows_per_second else "any"
    lines = [
        f"license    {claims.id}, number {claims.sequence}, for {claims.customer}",
        f"bundles    {', '.join(claims.bundles)}",
        f"permits    {', '.join(claims.features)}",
        f"term       {claims.not_before:%Y-%m-%d} to {claims.expires:%Y-%m-%d}, {_grace(claims)}; "
        f"{days_left(claims, now)}",
        f"calls      {calls}" + (f", {where}" if claims.max_calls else ""),
        f"rate       {rate}",
        f"device     {claims.device}",
        f"binding    {binding_words(claims.binding, claims.machine)}",
    ]
    if claims.machine is not None:
        lines.append(f"machine    {claims.machine.k} of {len(claims.machine.of)} parts must be the same")
    if claims.revocation_days:
        lines.append(f"revocation a list of at most {claims.revocation_days} days must be there")
    return [*lines, f"issuer     {claims.issuer}"]


def days_left(claims: Claims, now: datetime) -> str:
    """Such as `12 days left`."""
    if now < claims.not_before:
        return f"begins in {_days(claims.not_before - now)}"
    if now < claims.expires:
        return f"{_days(claims.expires - now)} left"
    if now < claims.ends:
        return f"EXPIRED, in grace for {_days(claims.ends - now)} more"
    return "EXPIRED"


def device_lines(device: Device) -> list[str]:
    """How a device is bound, and what counts along."""
    from seatrial.trust.claims import binding_words

    told = device.told
    lines = [
        f"device     {told.id}",
        f"binding    {binding_words(told.strength, told.machine)}",
    ]
    lines += [
        f"  {name:<12} {'as enrolled' if same else 'OTHER, or not there'}"
        for name, same in device.parts.items()
    ]
    if told.machine is not None:
        lines.append(f"  {told.machine.k} of {len(told.machine.of)} must be as enrolled")
    anchored = {
        "tpm": "found out: a counter in the TPM counts along",
        "file": "found out, unless the anchor's file is put back as well",
        "": "NOT found out: there is no anchor (seatrial device enroll --anchor FILE, or --tpm)",
    }
    lines.append(f"old state  {anchored[device.anchored]}")
    issuers = ", ".join(each.id[:16] for each in device.issuers) or "none: name them with --issuer"
    return [*lines, f"believes   {issuers}"]


def _grace(claims: Claims) -> str:
    return f"{claims.grace_days} days of grace" if claims.grace_days else "no grace"


def _days(span: timedelta) -> str:
    days = span / timedelta(days=1)
    return f"{days:.0f} days" if days >= 2 else f"{span / timedelta(hours=1):.0f} hours"
