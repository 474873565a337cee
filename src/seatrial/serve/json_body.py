"""JSON that strangers send: parsed only when that cannot take long.

While a body is parsed nobody else is served. A byte of JSON makes up to twenty bytes of lists: 16 MiB of `[]`
took half a minute, most of it in the garbage collector. Numbers in few lists are cheap, and a tensor that is
larger than what fits here goes raw in a thousandth of the time.
"""

from __future__ import annotations

from typing import Any

import orjson

from seatrial.errors import ContractViolation

MOST_VALUES = 1 << 20
MOST_LISTS = 1 << 18  # and objects; a picture of 512 x 512 with its channels last has as many
_PIECE = 1 << 20
_HINT = "send tensors raw (Inference-Header-Content-Length), and pictures as files"


def read_json(raw: bytes | bytearray | memoryview) -> Any:
    """What JSON says.

    orjson refuses what is nested deeper than 1024, so that no body can exhaust the stack.

    Raises:
        orjson.JSONDecodeError: It is none.
        ContractViolation: It has too many values.
    """
    if len(raw) > MOST_LISTS:
        _check(memoryview(raw))
    return orjson.loads(raw)


def _check(view: memoryview) -> None:
    """Counts what separates values, wherever it stands: texts with a million commas are none for a model."""
    values = lists = 0
    for start in range(0, len(view), _PIECE):
        piece = bytes(view[start : start + _PIECE])
        values += piece.count(b",")
        lists += piece.count(b"[") + piece.count(b"{")
        if values > MOST_VALUES:
            raise ContractViolation(f"the JSON has more than {MOST_VALUES} values", hint=_HINT)
        if lists > MOST_LISTS:
            raise ContractViolation(f"the JSON has more than {MOST_LISTS} lists and objects", hint=_HINT)
