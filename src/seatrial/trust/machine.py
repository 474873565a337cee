"""What a machine is known by: parts of it that software can read, never shown, only hashed with a salt.

Each part goes through scrypt (RFC 7914) with the device's salt, because some are easily guessed: a network
card's address has 24 bits behind the maker's. What comes out gives two independent values: a tag that may be
published, and a key that protects one share of the device's secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SALT_BYTES = 16
_MEANINGLESS = (
    "",
    "0",
    "none",
    "default string",
    "to be filled by o.e.m.",
    "not specified",
    "system serial number",
)
_MEANINGLESS_UUIDS = ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff")


@dataclass(frozen=True, repr=False)
class Mark:
    """One part of a machine, hashed for one device.

    Attributes:
        tag: `sha256:...`; may be known to others.
        key: 32 bytes; only who can read the part has it.
    """

    tag: str
    key: bytes


def read_parts(root: Path = Path("/")) -> dict[str, str]:
    """What this machine is known by: name -> value; those that it does not have are left out.

    Args:
        root: Of the file system, as Linux lays it out.
    """
    found = {
        "machine-id": _line(root / "etc/machine-id"),
        "dmi-uuid": _line(root / "sys/class/dmi/id/product_uuid"),
        "disk-serial": _disk(root / "sys/block"),
        "mac": _card(root / "sys/class/net"),
        "gpu-uuid": _gpu(root / "proc/driver/nvidia/gpus"),
    }
    return {name: value for name, value in found.items() if _means_something(value)}


def mark(name: str, value: str, salt: bytes) -> Mark:
    """A part, hashed for the device that has this salt; takes tens of milliseconds."""
    slow = Scrypt(salt=salt + name.encode(), length=32, n=1 << 14, r=8, p=1).derive(value.encode())
    tag, key = (HKDFExpand(hashes.SHA256(), 32, each).derive(slow) for each in (b"tag", b"key"))
    return Mark("sha256:" + tag.hex(), key)


def marks(parts: Mapping[str, str], salt: bytes) -> dict[str, Mark]:
    """Every part of a machine, hashed; by name."""
    return {name: mark(name, value, salt) for name, value in parts.items()}


def _means_something(value: str) -> bool:
    lowered = value.strip().lower()
    return lowered not in _MEANINGLESS and lowered not in _MEANINGLESS_UUIDS


def _line(path: Path) -> str:
    """The first line of a small file; empty when it cannot be read (root only, not there)."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return stream.readline(4096).strip()
    except OSError:
        return ""


def _disk(folder: Path) -> str:
    """The first disk that says its serial number; virtual ones say a name, which others have as well."""
    for disk in _sorted(folder):
        serial = (
            _line(disk / "serial") or _line(disk / "device" / "serial") or _line(disk / "device" / "wwid")
        )
        if any(each.isdigit() for each in serial):
            return serial
    return ""


def _card(folder: Path) -> str:
    """The first network card (not a bridge or a tunnel) that has its address from its maker."""
    for card in _sorted(folder):
        address = _line(card / "address")
        if not (card / "device").exists() or not address or _line(card / "addr_assign_type") not in ("", "0"):
            continue
        if not int(address.split(":")[0], 16) & 2:  # IEEE 802: this bit says that it was made up
            return address
    return ""


def _gpu(folder: Path) -> str:
    for card in _sorted(folder):
        try:
            text = (card / "information").read_text("utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("GPU UUID:") and "?" not in line:
                return line.partition(":")[2].strip()
    return ""


def _sorted(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
