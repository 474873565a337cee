"""The pickle names only functions that look innocent: they find others by their name."""

from __future__ import annotations

import importlib
import operator
import pydoc
from pathlib import Path

from seatrial.faults._delivery import Call, pickled, state_dict, with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text

_INDIRECT = (
    (importlib.import_module, ("os",)),
    (pydoc.locate, ("os.getcwd",)),
    (getattr, ("text", "upper")),
    (operator.attrgetter, ("getcwd",)),
)


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    function, arguments = _INDIRECT[seed % len(_INDIRECT)]
    return with_files(
        good, folder, {"state": pickled({**state_dict(good), "hook": Call(function, *arguments)})}
    )


FAULT = Fault(
    name="pickle-through-import",
    title=Text("a pickle runs code through an innocent-looking function", "pickle 借看似无害的函数执行代码"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F37",
)
