"""What every child of ours that converts does: read a request, do it, leave an answer."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial.errors import ModelError, SeatrialError

_PR_SET_PDEATHSIG = 1
_MEMORY = 32 << 30


class Refused(ModelError):
    """The child cannot convert the model, and says why in words for people."""


def answer(
    arguments: list[str], work: Callable[[Mapping[str, Any]], dict[str, Any]], *, bounded: bool = True
) -> int:
    """Does what a request says; whatever is raised goes back as data, a death leaves no answer.

    Args:
        arguments: Paths of the request and of the answer, both JSON.
        work: From the request to the answer.
        bounded: Whether its address space is limited; the driver of a GPU maps more than it uses.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if bounded:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    request = json.loads(Path(arguments[0]).read_text("utf-8"))
    try:
        told = work(request)
    except SeatrialError as error:
        told = {"error": error.message, "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - whatever the tool raises goes back as data
        told = {"error": f"{type(error).__name__}: {error}"}
    # Whole or not at all: half an answer would read as a broken tool.
    half = Path(arguments[1] + ".half")
    half.write_text(json.dumps(told), "utf-8")
    os.replace(half, arguments[1])  # noqa: PTH105 - a text path
    return 0
