"""Loads an optional engine when it is needed, or says which extra brings it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import MissingDependency

if TYPE_CHECKING:
    from types import ModuleType


def load(name: str, *, extra: str) -> ModuleType:
    """Imports `name`, or raises an error that names the pip line.

    Args:
        name: The importable name, such as `onnxruntime`.
        extra: The extra of `seatrial` that installs it.

    Raises:
        MissingDependency: The module is not installed, or its import fails.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependency(
            f"'{name}' is needed for this and could not be imported: {error}",
            hint=f"pip install 'seatrial[{extra}]'",
        ) from error


def installed(name: str) -> bool:
    """Whether `name` can be imported, without importing it."""
    return importlib.util.find_spec(name) is not None


def version_beside(python: Path, distribution: str) -> str:
    """The version of a distribution in the environment of another interpreter, or an empty string."""
    from importlib import metadata  # a fiftieth of a second, which who only reads a name need not spend

    folders = [str(each) for each in python.parent.parent.glob("lib/python3*/site-packages")]
    found = metadata.distributions(name=distribution, path=folders) if folders else ()
    return next((each.version for each in found), "")


def version(distribution: str) -> str:
    """The installed version of a distribution, or an empty string."""
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def folder(name: str) -> Path:
    """Where an installed package lies, without importing it; a folder that is not there when it is not."""
    spec = importlib.util.find_spec(name)
    return Path(next(iter(spec.submodule_search_locations or ()), name)) if spec else Path(name)


def names(package: str, homes: Mapping[str, str], public: Collection[str], rest: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose public names load with the file that defines them.

    Args:
        package: Its dotted name.
        homes: File of each name.
        public: All names it has.
        rest: File of the names that `homes` does not list.
    """

    def found(name: str) -> Any:
        if name not in public:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        value = getattr(importlib.import_module(f"{package}.{homes.get(name, rest)}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return found
