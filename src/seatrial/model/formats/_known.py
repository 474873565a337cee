"""Is an operator known at all? Compared with the registries of the engines this release was made for.

`_known/*.txt` holds one name a line (ONNX: name and the opset that brought it), taken from the installed
engines by `pytest tests/model/test_known_operators.py --update-golden`; their first line says from which.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from importlib import resources

from seatrial.model.artifact import Problem
from seatrial.model.formats._graph import problem

MAX_REPORTED = 10


@cache
def registry(name: str) -> dict[str, int]:
    """Operators of `paddle-pir`, `paddle-program` or `onnx`, with the version that brought each (0: any)."""
    text = resources.files(__package__).joinpath("_known", f"{name}.txt").read_text("utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {words[0]: int(words[1]) if len(words) > 1 else 0 for words in lines}


@cache
def source(name: str) -> str:
    """Where a registry was taken from: `paddlepaddle 3.2.2`."""
    text = resources.files(__package__).joinpath("_known", f"{name}.txt").read_text("utf-8")
    return text.partition("\n")[0].removeprefix("# ").strip()


def unknown(types: Iterable[str], name: str, *, version: int = 0) -> list[Problem]:
    """A problem for each type that the registry does not have, or has only since a later version.

    Args:
        types: Operator types; repeats are fine.
        name: Of the registry.
        version: Opset of the model; 0 when the format has none.
    """
    known = registry(name)
    problems: list[Problem] = []
    for each in sorted(set(types)):
        if len(problems) == MAX_REPORTED:
            break
        since = known.get(each)
        if since is not None and (not version or since <= version):
            continue
        if since is not None:
            message = f"operator '{each}' came with opset {since}, the model declares {version}"
        else:
            close = difflib.get_close_matches(each[:100], known, n=3, cutoff=0.6)
            near = f"; close to: {', '.join(close)}" if close else ""
            message = f"operator '{each}' is unknown to {source(name)}{near}"
        hint = "export again with the version that will run the model, or install the library that brings it"
        problems.append(problem("operator-unknown", message, f"operator {each}", hint))
    return problems
