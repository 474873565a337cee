"""What every page of Seatrial is: self-contained, without a script, in light, dark and print."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

import jinja2


def page(template: str, css: str, language: str, generator: str, values: dict[str, Any]) -> str:
    """Fills a template that extends `page`; see `seatrial.checks.page`."""
    return _compiled(template).render(
        **values,
        css=css,
        style_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        lang="zh-CN" if language == "zh" else "en",
        generator=generator,
    )


@cache
def _compiled(template: str) -> jinja2.Template:
    frame = (resources.files("seatrial.checks._render") / "page.html.j2").read_text("utf-8")
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"page": frame}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(template)
