"""The steps' own sources, made to stand alone: the code that the checks ran, so that nothing can drift."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from seatrial import contract
from seatrial.errors import UnsupportedModel

PACKAGE = "delivered"
HERE = Path(__file__).parent
_CONTRACT = Path(contract.__file__).parent
_STEPS = "seatrial.contract.steps"

# What the steps' modules take from elsewhere, and where that lies in the package.
_MOVED = {
    "seatrial.contract.pipeline": f"{PACKAGE}.context",
    "seatrial.contract.sample": f"{PACKAGE}.context",
    "seatrial.contract.tensor": f"{PACKAGE}.tensor",
    "seatrial.errors": f"{PACKAGE}.errors",
    _STEPS: f"{PACKAGE}.steps",
}
_LEFT_OUT = {f"{_STEPS}._step"}  # how steps are found and their options checked; both are settled here
_FROM = re.compile(r"^from (seatrial[\w.]*) import (.+)$", re.MULTILINE)


def vendored(steps: Iterable[str]) -> dict[str, str]:
    """The modules of these steps and what they need, by path in the package.

    Raises:
        UnsupportedModel: A step comes from a plug-in: its source may need anything.
    """
    found = {f"{each}.py": standing_alone(_CONTRACT / f"{each}.py") for each in ("tensor", "answer", "feeds")}
    waiting = []
    for step in steps:
        if not (_CONTRACT / "steps" / f"{step}.py").is_file():
            raise UnsupportedModel(
                f"the step '{step}' comes from a plug-in and has no source that could be handed over",
                hint="leave sdk_python out, or move the step into the contract",
            )
        waiting.append(step)
    while waiting:
        name = waiting.pop()
        path = f"steps/{name}.py"
        if path in found:
            continue
        source = _CONTRACT / "steps" / f"{name}.py"
        found[path] = standing_alone(source)
        waiting += _needs(source)
    found["steps/__init__.py"] = '"""The steps that this model\'s contract names, and what they share."""\n'
    return dict(sorted(found.items()))


@lru_cache(maxsize=128)
def standing_alone(path: Path) -> str:
    """A module of the contract with its imports turned to the package, and without what is settled here."""
    source = path.read_text("utf-8")
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if _is_settled(node):
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            lines[first - 1 : node.end_lineno] = _instead(node)
    text = re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).rstrip() + "\n"
    text = re.sub(r"^if TYPE_CHECKING:\n(?: +.*\n)+\n*", "", text, flags=re.MULTILINE)
    text = text.replace("from typing import TYPE_CHECKING, Any", "from typing import Any")
    return _FROM.sub(_turned, text)


def _is_settled(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(each, ast.Name) and each.id == "STEP" for each in node.targets)
    return isinstance(node, ast.ImportFrom) and node.module in _LEFT_OUT


def _instead(node: ast.stmt) -> list[str]:
    """`STEP = FunctionStep(name, stage, summary, function)` -> `name = function`."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return []
    given = [*node.value.args, *(each.value for each in node.value.keywords)]
    name, function = given[0], given[3]
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        raise UnsupportedModel(f"line {node.lineno}: a step whose name is not written out")
    return [f"{name.value} = {ast.unparse(function)}"]


def _turned(found: re.Match[str]) -> str:
    module, names = found[1], found[2]
    for old, new in _MOVED.items():
        if module == old or module.startswith(f"{old}."):
            return f"from {new}{module[len(old) :]} import {names}"
    raise UnsupportedModel(f"a step takes {names} from {module}, which is not handed over")


def _needs(source: Path) -> list[str]:
    needed = []
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module not in _LEFT_OUT:
            if node.module == _STEPS:
                needed += [each.name for each in node.names]
            elif node.module.startswith(f"{_STEPS}."):
                needed.append(node.module.rpartition(".")[2])
    return needed
