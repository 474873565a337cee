"""Finds what lies in a plural folder, and entry points of the same name.

A plural folder (`checks`, `runtimes`, `steps`...) holds one extension a file. Each file defines one
object under the folder's agreed name (`CHECK`, `RUNTIME`, `STEP`...). An underscored file is machinery
and is not an extension. A third party adds its own with an entry point in the group
`seatrial.<folder>`, whose value is the same kind of object.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib import metadata
from typing import Any

from seatrial.errors import NotFound, UsageError


@cache
def find(package: str, attribute: str) -> dict[str, Any]:
    """All extensions of a folder by name, in alphabetical order of their names.

    Args:
        package: The dotted folder, such as `seatrial.checks`.
        attribute: The name each file defines, such as `CHECK`. The object has a `name`.

    Raises:
        UsageError: A file without the agreed object, or two extensions of one name.
    """
    folder = importlib.import_module(package)
    objects = []
    for info in pkgutil.iter_modules(folder.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{info.name}")
        if not hasattr(module, attribute):
            raise UsageError(
                f"{package}.{info.name} defines no {attribute}",
                hint=f"define {attribute}, or start the file's name with an underscore if it is machinery",
            )
        objects.append(getattr(module, attribute))
    group = "seatrial." + package.rpartition(".")[2]
    objects += [entry.load() for entry in _entry_points(group)]
    found: dict[str, Any] = {}
    for extension in sorted(objects, key=lambda each: str(each.name)):
        if extension.name in found:
            raise UsageError(f"two extensions of {package} are named '{extension.name}'")
        found[extension.name] = extension
    return found


def get(package: str, attribute: str, name: str) -> Any:
    """One extension by name.

    Raises:
        NotFound: There is none of that name; the hint lists those there are.
    """
    found = find(package, attribute)
    if name not in found:
        room = package.rpartition(".")[2]
        raise NotFound(f"no '{name}' among the {room}", hint="there are: " + ", ".join(found))
    return found[name]


def _entry_points(group: str) -> list[metadata.EntryPoint]:
    try:
        return list(metadata.entry_points(group=group))
    except (AttributeError, TypeError):
        # A package that is half installed has no name, and the library trips over it (CPython 3.11): one
        # broken neighbor must not take everything down.
        whole = [each for each in metadata.distributions() if each.read_text("METADATA")]
        return [entry for each in whole for entry in each.entry_points if entry.group == group]
