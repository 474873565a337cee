"""What one client may take of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a client may take.

    Attributes:
        body: Bytes of one request's body.
        head: Bytes of one request's line and headers.
        idle: Seconds that a connection may lie idle, or leave an answer unread.
        slow: Seconds that a request may take to arrive, beside what `slowest` allows for its size.
        slowest: Bytes a second below which a body counts as stuck.
        pipelined: Requests of one connection that may be under way; reading stops above.
    """

    body: int = 64 << 20
    head: int = 32 << 10
    idle: float = 75.0
    slow: float = 20.0
    slowest: int = 32 << 10
    pipelined: int = 32
