"""Heads of requests that came before: what their bytes mean is known, and they are not parsed a second time.

A client that keeps its connection sends the same bytes in front of each body, or few that differ in the
length of it. The same bytes at the beginning of a message mean the same, whoever sends them.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST = 1024  # heads that are kept; then it begins anew
LONGEST = 1024  # bytes of one that is kept
# What is the same in all requests of a client. A head with anything else (ids, traces) does not come again,
# and one with a key is not kept: of keys nothing but digests is.
_LASTING = frozenset(
    (
        b"host", b"content-length", b"content-type", b"accept", b"accept-encoding", b"user-agent",
        b"connection", b"inference-header-content-length",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """What the bytes before a body say; the connection goes on after the answer.

    Attributes:
        method: `GET`, `POST`...
        path: As `Exchange` has it.
        query: Likewise.
        version: Of HTTP.
        headers: By lower-case name, as they were sent.
        length: Bytes of the body.
    """

    method: str
    path: str
    query: str
    version: str
    headers: dict[bytes, bytes]
    length: int


class Heads:
    """The heads that the connections of one front share."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[bytes, Head] = {}

    def learn(self, data: bytes, head: Head) -> None:
        """Takes in a head that was parsed.

        Args:
            data: From the first byte of a message on; nothing is learned unless it is one whole message.
            head: What the parser and all checks of a head made of it.
        """
        end = data.find(b"\r\n\r\n") + 4
        if end > LONGEST or len(data) - end != head.length:
            return
        if len(self.known) >= MOST:
            self.known.clear()
        self.known[data[:end]] = head


def lasting(headers: dict[bytes, bytes]) -> bool:
    """Whether a head with these headers may well come again."""
    return headers.keys() <= _LASTING
