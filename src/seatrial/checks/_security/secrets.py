"""Finds secrets, home folders and private hosts in every delivered byte, binaries included (`M08`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK = 8 << 20
OVERLAP = 4096
_PRINTABLE = re.compile(rb"[\x20-\x7e\t]{8,}")
_SHORTEST = 14  # no secret the detectors know is shorter; random bytes hardly make such a run
_LINE = 4096  # a run longer than this is judged in overlapping windows, so no pattern runs wild

# Names the path was written by: a person's folder says who built the model and where.
_HOME = re.compile(
    r"(?<![\w.])(/root/[\w.-]{2,32}|/home/[A-Za-z_][\w.-]{1,31}/|/Users/[A-Za-z_][\w.-]{1,31}/|[A-Za-z]:\\{1,2}Users\\{1,2}[\w.-]{2,31})"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_PRIVATE_IP = re.compile(
    rf"(?<![\d.\w])(?:10\.{_OCTET}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.{_OCTET}\.{_OCTET}(?![\d.\w])"
)
# `.internal` alone is also a Python module (google.protobuf.internal), so it counts only as an address.
_PRIVATE_HOST = re.compile(
    r"(?<![\w.-])[a-z0-9][a-z0-9-]{1,40}(?:\.[a-z0-9-]{1,40})*\.(?:corp|intranet)(?![\w.-])"
    r"|(?<=[/@])[a-z0-9][a-z0-9.-]{1,80}\.(?:internal|local|lan)(?![\w.-])"
    r"|(?<![\w-])ip-[\d-]{7,15}\.[a-z0-9.-]{2,40}\.internal(?![\w-])"
)
_KEYWORD = re.compile(
    r"(?i)(?:password|passwd|secret|api_?key|access_?key|auth_?token)[\"']?\s*[:=]\s*[\"']?([^\s\"',;#]{6,80})"
)
# Entropy guesses flag every digest; the public-address rule flags every version number; the library's keyword
# rule needs a file name to read YAML.
_LEFT_OUT = {"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector", "KeywordDetector"}


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that should not leave the house.

    Attributes:
        code: `secret`, `home-path` or `private-host`.
        kind: What it is: `AWS Access Key`, `home folder`...
        shown: The beginning of it, the rest hidden (a report must not leak what it found).
        position: Byte in the file.
    """

    code: str
    kind: str
    shown: str
    position: int


def redact(secret: str) -> str:
    """The first four characters and the length; nothing of a short secret."""
    return (
        f"{secret[:4]}… ({len(secret)} characters)" if len(secret) >= 12 else f"… ({len(secret)} characters)"
    )


@cache
def _detectors() -> tuple[Any, ...]:
    from detect_secrets.core.plugins.util import (
        get_mapping_from_secret_type_to_class,
    )  # slow: only when asked

    found: Iterable[Any] = get_mapping_from_secret_type_to_class().values()
    return tuple(each() for each in found if each.__name__ not in _LEFT_OUT)


def _windows(run: str) -> Iterator[tuple[int, str]]:
    step = _LINE - 256
    for start in range(0, max(len(run) - 256, 1), step):
        yield start, run[start : start + _LINE]


def _judge(run: str, position: int, *, keywords: bool) -> Iterator[Leak]:
    for start, window in _windows(run):
        for detector in _detectors() if len(window) >= _SHORTEST else ():
            for secret in detector.analyze_string(window):
                if not _is_placeholder(secret):
                    yield Leak("secret", str(detector.secret_type), redact(secret), position + start)
        for match in _KEYWORD.finditer(window) if keywords else ():
            if not _is_placeholder(match.group(1)):
                yield Leak("secret", "password or key by its name", redact(match.group(1)), position + start)
        for pattern, code, kind in (
            (_HOME, "home-path", "home folder"),
            (_PRIVATE_IP, "private-host", "private address"),
            (_PRIVATE_HOST, "private-host", "private host name"),
        ):
            for match in pattern.finditer(window):
                yield Leak(code, kind, match.group()[:60], position + start + match.start())


def _is_placeholder(secret: str) -> bool:
    """`<password>`, `${TOKEN}`, `xxxx`, `...`: what documentation shows instead of a secret."""
    return bool(re.fullmatch(r"[<\[{$%].*|(.)\1*|(?i:your|example|changeme|none|null|true|false).*", secret))


def scan_text(stream: IO[bytes], *, keywords: bool = False) -> list[Leak]:
    """Reads every printable run of a stream, of text and of binary files alike.

    Args:
        stream: Read to its end in pieces; constant memory.
        keywords: Also take `password: ...` for a secret; for small configuration files.

    Returns:
        Each leak once, at its first place.
    """
    seen: dict[tuple[str, str, str], Leak] = {}
    offset, tail = 0, b""
    while chunk := stream.read(CHUNK):
        data = tail + chunk
        begin = offset - len(tail)
        for match in _PRINTABLE.finditer(data):
            for leak in _judge(match.group().decode("ascii"), begin + match.start(), keywords=keywords):
                seen.setdefault((leak.code, leak.kind, leak.shown), leak)
        offset += len(chunk)
        tail = data[-OVERLAP:]
    return sorted(seen.values(), key=lambda each: each.position)
