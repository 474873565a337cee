"""What clients may take of a server, one by one and together."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

from seatrial.errors import ContractViolation


@dataclass(frozen=True)
class Limits:
    """What clients may take.

    Attributes:
        body: Bytes of one request's body.
        head: Bytes of one request's line and headers.
        idle: Seconds that a connection may lie idle, or leave an answer unread.
        slow: Seconds that a request may take to arrive, beside what `slowest` allows for its size.
        slowest: Bytes a second below which a body counts as stuck.
        pipelined: Requests of one connection that may be under way; reading stops above.
        headers: Of one request.
        connections: That may be open; who comes on top is told so and let go.
        memory: Bytes of the bodies of all requests that are under way.
        text: Characters of a text that is to be predicted from.
        pixels: Of a picture, as its header says; what unpacks to more is not decoded.
    """

    body: int = 64 << 20
    head: int = 32 << 10
    idle: float = 75.0
    slow: float = 20.0
    slowest: int = 32 << 10
    pipelined: int = 32
    headers: int = 100
    connections: int = 1024
    memory: int = 1 << 30
    text: int = 100_000
    pixels: int = 100_000_000


class Room:
    """What is left of a memory that many share.

    Args:
        size: Bytes.
    """

    __slots__ = ("size", "taken")

    def __init__(self, size: int) -> None:
        self.size, self.taken = size, 0

    def take(self, size: int) -> bool:
        """Takes so many bytes; False: there is no room for them, and nothing was taken."""
        if self.taken + size > self.size:
            return False
        self.taken += size
        return True

    def give(self, size: int) -> None:
        """Gives so many bytes back."""
        self.taken -= size


def check_payload(payload: Any, limits: Limits) -> None:
    """Refuses what would take too long or too much memory to prepare.

    Of a picture its header alone is read: some kilobytes can unpack to gigabytes.

    Raises:
        ContractViolation: The text or the picture is too large.
    """
    if isinstance(payload, str) and len(payload) > limits.text:
        raise ContractViolation(
            f"text: {len(payload)} characters, at most {limits.text} are taken",
            hint="send less, or raise limits.text_characters",
        )
    size = picture_size(payload) if isinstance(payload, bytes) else None
    if size is not None and size[0] * size[1] > limits.pixels:
        raise ContractViolation(
            f"the image has {size[0]} x {size[1]} pixels, at most {limits.pixels} are taken",
            hint="scale it down, or raise limits.image_megapixels",
        )


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a picture from its first bytes; None: it is none that can be read."""
    from PIL import Image

    from seatrial.contract.steps.decode_image import FORMATS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a size that is only looked at, not decoded
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
