"""Which of the Java files a contract needs: its steps, and what those refer to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from seatrial.errors import UnsupportedModel

HERE = Path(__file__).parent
_WORD = re.compile(r"\b[A-Z]\w*")


def class_of(step: str) -> str:
    """`ctc_decode` -> `CtcDecodeStep`."""
    return "".join(word.capitalize() for word in step.split("_")) + "Step"


def source(path: str) -> str:
    """One of the files of this folder, such as `core/Json.java`."""
    return (HERE / path).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _steps() -> dict[str, str]:
    return {each.stem: each.read_text(encoding="utf-8") for each in sorted((HERE / "steps").glob("*.java"))}


def step_files(steps: Iterable[str]) -> dict[str, str]:
    """The Java files of these steps, and of all that they refer to, by class.

    Raises:
        UnsupportedModel: A step has no Java form.
    """
    known = _steps()
    waiting, found = [], {}
    for step in steps:
        if class_of(step) not in known:
            raise UnsupportedModel(
                f"the step '{step}' has no Java form",
                hint="leave sdk_java out, or write the step's class",
            )
        waiting.append(class_of(step))
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = known[name]
        waiting += [each for each in sorted(set(_WORD.findall(known[name]))) if each in known]
    return dict(sorted(found.items()))


def parameters_of(step: str) -> tuple[tuple[str, str], ...]:
    """The Java types and names of a step's options, in their order.

    Raises:
        UnsupportedModel: The step has no Java form.
    """
    text = step_files([step])[class_of(step)]
    match = re.search(
        r"public static Object apply\(\s*Object value, Context context(.*?)\) \{", text, re.DOTALL
    )
    if match is None:
        raise UnsupportedModel(f"the Java class of the step '{step}' has no method apply")
    words = re.sub(r"<[^>]*>", lambda each: each[0].replace(" ", ""), match[1]).split(",")
    rejoined = re.findall(r"(Map<\w+,\w+>|[\w\[\]]+)\s+(\w+)", ",".join(words))
    return tuple((kind, name) for kind, name in rejoined)
