"""Makes text from models, files and engines safe to show: what cannot be seen must not act."""

from __future__ import annotations

import re

# Controls (also of C1), bidirectional overrides and marks that make a line read as another, line separators,
# the byte-order mark, lone surrogates and non-characters that XML forbids. Tab and line feed stay.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff]"
)


def visible(text: object) -> str:
    r"""The text with every character that cannot be seen written out, as `\x1b` or `\u202e`."""
    return _UNSEEN.sub(_written_out, str(text).replace("\r\n", "\n"))


def one_line(text: object, limit: int = 0) -> str:
    """The visible text on one line, cut with an ellipsis when longer than `limit` (0: never)."""
    line = " ".join(visible(text).split())
    return clipped(line, limit) if limit else line


def clipped(text: str, limit: int) -> str:
    """The text, cut with an ellipsis when longer than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
