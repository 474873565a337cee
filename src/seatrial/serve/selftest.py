"""Every model answers its own test cases, loaded as the server loads it, without serving anybody."""

from __future__ import annotations

from collections.abc import Callable

from seatrial.errors import SeatrialError
from seatrial.serve.settings import Model, Settings
from seatrial.serve.versions.bundles import Opener
from seatrial.serve.versions.layout import find_versions
from seatrial.serve.versions.loading import load_version


async def selftest(settings: Settings, told: Callable[[str], None], *, opener: Opener | None = None) -> bool:
    """Loads every version of every model and has it answer its test cases.

    Args:
        settings: As the server takes them; `golden` says whether a model may be without test cases.
        told: Gets one line a version.
        opener: Gives the content keys of sealed bundles; None: they fail.

    Returns:
        Whether all of them passed.
    """
    return all([await _answers(name, model, told, opener) for name, model in settings.models.items()])


async def _answers(name: str, model: Model, told: Callable[[str], None], opener: Opener | None) -> bool:
    good = True
    for found in find_versions(model.path):
        try:
            served = await load_version(name, found, model, None, like=None, opener=opener)
        except SeatrialError as error:
            told(f"FAILED {name} {found.version}: {error.message}")
            good = False
            continue
        told(f"passed {name} {found.version}: its test cases, on {served.runtime}")
        await served.close()
    return good
