"""In an image: every model answers its own test cases, loaded as the server loads it. Exits with 1 when not.

The image starts it as `/selftest`; it needs nothing but the rooms that a server has.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from seatrial.errors import SeatrialError
from seatrial.serve.settings import Model, read_settings
from seatrial.serve.versions.layout import find_versions
from seatrial.serve.versions.loading import load_version

SETTINGS = Path("/etc/seatrial/serve.yaml")


async def _answers(name: str, model: Model) -> bool:
    good = True
    for found in find_versions(model.path):
        try:
            served = await load_version(name, found, model, None, like=None)
        except SeatrialError as error:
            sys.stdout.write(f"FAILED {name} {found.version}: {error.message}\n")
            good = False
            continue
        sys.stdout.write(f"passed {name} {found.version}: its test cases, on {served.runtime}\n")
        await served.batcher.close()
    return good


async def _all() -> bool:
    settings = read_settings(SETTINGS)
    return all([await _answers(name, model) for name, model in settings.models.items()])


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(_all()) else 1)
