"""The frame of every page: what a template puts in is escaped, and only its own style is allowed."""

from __future__ import annotations

import base64
import hashlib
import re

import jinja2
import pytest

from seatrial import __version__
from seatrial.checks import page, stylesheet

TEMPLATE = (
    '{% extends "page" %}{% block title %}{{ said }}{% endblock %}'
    "{% block about %}about{% endblock %}{% block content %}<p>{{ said }}</p>{% endblock %}"
)


def test_what_is_said_is_escaped_and_the_style_is_the_one_that_is_allowed() -> None:
    made = page(TEMPLATE, css="p { color: red }", said="<script>&")
    assert "<p>&lt;script&gt;&amp;</p>" in made
    assert "<title>&lt;script&gt;&amp;</title>" in made
    style = re.search("<style>(.*)</style>", made, re.DOTALL)
    assert style is not None
    assert style[1] == stylesheet() + "p { color: red }"
    allowed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{allowed}'" in made
    assert f'content="Seatrial {__version__}"' in made


@pytest.mark.parametrize(("language", "told"), [("en", "en"), ("zh", "zh-CN")])
def test_the_language_is_told(language: str, told: str) -> None:
    assert f'<html lang="{told}">' in page(TEMPLATE, language=language, said="")


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="said"):
        page(TEMPLATE)
