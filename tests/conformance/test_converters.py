"""What every converter must do, asked of each one that lies in the folder."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from seatrial import extensions, tools
from seatrial.converters import all_converters
from seatrial.runtimes import all_runtimes

FOUND = all_converters()
FORMATS = set(extensions.find("seatrial.model.formats", "FORMAT"))
every = pytest.mark.parametrize("converter", [pytest.param(each, id=name) for name, each in FOUND.items()])
DOCS = Path(__file__).resolve().parents[2] / "docs" / "how-to"


@every
def test_it_is_named_after_what_it_does(converter):
    assert re.fullmatch(r"[a-z0-9_]+", converter.name)
    if converter.target in converter.sources:
        verb = converter.name.partition("_")[0]
        assert verb not in {each.partition("-")[0] for each in converter.sources}
    else:
        assert converter.name.endswith(f"_to_{converter.target.replace('-', '_')}")


@every
def test_it_says_in_one_line_what_it_does(converter):
    assert 10 < len(converter.summary) < 110
    assert "\n" not in converter.summary
    assert not converter.summary.endswith(".")


@every
def test_its_formats_are_read_here(converter):
    assert converter.sources
    assert {*converter.sources, converter.target} <= FORMATS


@every
def test_its_result_can_be_run_somewhere(converter):
    """By a runtime, installed or not, or by what stands in for it: nothing else is ever believed."""
    runs = any(converter.target in each.formats for each in all_runtimes().values())
    assert runs or converter.stand_in is not None


@every
def test_its_make_takes_what_is_handed_to_it(converter):
    inspect.signature(converter.make).bind("artifact", "folder", options={}, progress=print)


@every
def test_its_options_have_defaults_that_a_text_can_become(converter):
    for name, default in converter.options.items():
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert default is None or isinstance(default, (bool, int, float, str, list, tuple))


@every
def test_it_says_how_it_is_got(converter):
    assert not converter.tool or converter.tool in tools.all_tools()
    assert re.search(r"seatrial doctor \S+ \| sh -eu|pip install 'seatrial\[\w+\]'", converter.how_to_get())
    assert bool(converter.reason()) != converter.available()


@every
def test_its_cost_and_tolerance_are_sane(converter):
    assert converter.cost >= 1
    assert 0 <= converter.tolerance < 0.1


@every
def test_a_page_names_it_or_its_format(converter):
    pages = "".join(each.read_text("utf-8") for each in DOCS.glob("*.md"))
    assert converter.name in pages or f"`{converter.target}`" in pages or f"--to {converter.target}" in pages
