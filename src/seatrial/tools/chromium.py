"""Chromium: models for browsers are run where they will be run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from seatrial.tools._tool import Found, Tool

VARIABLE = "SEATRIAL_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def _find() -> Found | None:
    for name in filter(None, (os.environ.get(VARIABLE), *_NAMES)):
        program = shutil.which(name)
        if program:
            return Found(Path(program))
    return None


TOOL = Tool(
    name="chromium",
    summary="runs models for browsers, headless",
    find=_find,
    recipe=f"""\
command -v apt-get >/dev/null || {{
  echo "this needs apt; elsewhere install Chromium or Chrome, or name one in {VARIABLE}" >&2
  exit 1
}}
apt-get update
apt-get install -y --no-install-recommends chromium""",
    size="350 MB",
    license="BSD-3-Clause and others",
    variable=VARIABLE,
)
