"""Keys, tokens and passwords that look real and open nothing."""

from __future__ import annotations

import random
import string

_LETTERS = string.ascii_letters + string.digits


def planted(seed: int) -> str:
    """A line with a secret; the kind goes by the seed. Made up, and put together only here."""
    draw = random.Random(seed)  # noqa: S311 - nothing is protected by it

    def text(count: int, letters: str = _LETTERS) -> str:
        return "".join(draw.choice(letters) for _ in range(count))

    kinds = (
        lambda: "aws_access_key_id: " + "AKIA" + text(16, string.ascii_uppercase + "234567"),
        lambda: "token: " + "ghp" + "_" + text(36),
        lambda: "url: https://reader:" + text(12) + "@data.example.com/models",
        lambda: "-----BEGIN " + "RSA PRIVATE KEY-----",
    )
    return kinds[seed % len(kinds)]()
