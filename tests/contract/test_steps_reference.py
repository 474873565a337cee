"""docs/reference/steps.md is written from the steps themselves."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from seatrial import extensions
from seatrial.contract.pipeline import REQUIRED

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "steps.md"

HEAD = """\
# Steps

Pre- and postprocessing in a contract is a list of steps, each a name and its options. This page is generated
from the steps (`pytest --update-golden tests/contract/test_steps_reference.py`). What each step does to
numbers is fixed by the vectors in `tests/golden/steps/`, which hold for every language.

To add one, put a file into `src/seatrial/contract/steps/` that defines `STEP`, and its vectors beside the
others.
"""


def section(step: Any) -> str:
    rows = [
        f"| `{name}` | {'required' if default is REQUIRED else f'`{default!r}`'} |"
        for name, default in step.options.items()
    ]
    table = "\n".join(["| option | default |", "|---|---|", *rows]) + "\n" if rows else "No options.\n"
    text = inspect.cleandoc(step.function.__doc__).split("\n\nArgs:")[0]
    return f"## {step.name}\n\n*{step.stage}*: {step.summary}.\n\n{text}\n\n{table}"


def test_the_page_is_in_step(update_golden: bool) -> None:
    found = extensions.find("seatrial.contract.steps", "STEP").values()
    page = "\n".join([HEAD, *map(section, found)])
    if update_golden:
        PAGE.write_text(page, "utf-8")
    assert PAGE.read_text("utf-8") == page, (
        "run: pytest --update-golden tests/contract/test_steps_reference.py"
    )
