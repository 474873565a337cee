"""Paddle Lite and a Python that is old enough for it.

Its wheels are compiled for one Python each, the newest for 3.10, and refuse any other. Debian 11 brings a
3.9 that runs from any folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.tools._apt import APT
from seatrial.tools._tool import Found, Tool, side_folder

VERSION = "2.13rc0"
VARIABLE = "SEATRIAL_PADDLELITE_PYTHON"
_PYTHON = Path("usr/bin/python3.9")

# The folder appears whole.
_RECIPE = f"""\
command -v dpkg-deb >/dev/null && command -v apt-get >/dev/null || {{
  echo "this needs Debian's apt; elsewhere name a Python 3.8-3.10 with paddlelite in {VARIABLE}" >&2
  exit 1
}}
NEW="$SIDE/paddlelite.new"
rm -rf "$NEW"
mkdir -p "$NEW/usr"
{APT}apt_from deb bullseye "$HOST" update
(cd "$NEW/apt" &&
  apt_from deb bullseye "$HOST" download python3.9-minimal libpython3.9-minimal libpython3.9-stdlib)
for each in "$NEW"/apt/*.deb; do dpkg-deb -x "$each" "$NEW"; done
rm -rf "$NEW/apt"
"${{PYTHON:-python3}}" -m pip install -q --target "$NEW/usr/lib/python3/dist-packages" --no-deps \\
  --python-version 3.9 --implementation cp --only-binary=:all: \\
  --platform manylinux1_x86_64 --platform manylinux2014_x86_64 \\
  paddlelite=={VERSION} numpy==1.26.4
rm -rf "$SIDE/paddlelite"
mv "$NEW" "$SIDE/paddlelite"
"""


def _find() -> Found | None:
    named = os.environ.get(VARIABLE)
    python = Path(named) if named else side_folder() / "paddlelite" / _PYTHON
    if not python.is_file():
        return None
    return Found(python.absolute(), "" if named else VERSION)


TOOL = Tool(
    name="paddlelite",
    summary="Paddle Lite in CPython 3.9: makes .nb files and runs those for x86",
    find=_find,
    recipe=_RECIPE,
    size="265 MB",
    license="Apache-2.0 (Paddle Lite; its wheel brings Intel's MKL-ML and OpenMP), PSF-2.0, BSD-3-Clause",
    variable=VARIABLE,
)
