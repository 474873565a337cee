"""What is really installed to run the model, read once a process for each version (`M10`)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.checks._deployment.elf import ElfReport, walk_libraries
from seatrial.checks._deployment.requirements import Flaw, closure

if TYPE_CHECKING:
    from collections.abc import Iterable

# Distributions that bring a runtime, the first installed one counts.
DISTRIBUTIONS = {
    "paddle": ("paddlepaddle", "paddlepaddle-gpu"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
    "openvino": ("openvino",),
}
FORBIDDEN = {
    ".git": "version control",
    ".svn": "version control",
    ".hg": "version control",
    ".ipynb_checkpoints": "notebook",
    "__pycache__": "leftover of a run",
    ".ds_store": "leftover of a desktop",
    ".env": "environment with secrets",
    "id_rsa": "private key",
    "id_ed25519": "private key",
}
FORBIDDEN_SUFFIXES = {
    ".ipynb": "notebook",
    ".pdopt": "optimizer state of a training",
    ".pdparams": "training checkpoint",
    ".pem": "key or certificate",
    ".key": "private key",
    ".npz": "data set",
    ".npy": "data set",
    ".csv": "data set",
    ".parquet": "data set",
    ".tfrecord": "data set",
    ".lmdb": "data set",
    ".record": "data set",
    ".log": "log",
    ".pyc": "leftover of a run",
    ".swp": "leftover of an editor",
    ".bak": "leftover of an editor",
}


@dataclass(frozen=True)
class Installed:
    """One runtime's package with all it needs.

    Attributes:
        name: Of the distribution.
        version: Of it.
        elf: Its shared libraries.
        packages: It and everything it needs, alphabetical.
        flaws: Versions that do not fit.
        absent: Files its RECORD lists that are not there.
    """

    name: str
    version: str
    elf: ElfReport
    packages: tuple[metadata.Distribution, ...]
    flaws: tuple[Flaw, ...]
    absent: tuple[str, ...]


def installed_runtime(runtime: str) -> Installed | None:
    """The package of a runtime; None when it is not installed as a distribution."""
    for name in DISTRIBUTIONS.get(runtime, (runtime,)):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        return _installed(name, version)
    return None


@cache
def _installed(name: str, version: str) -> Installed:
    distribution = metadata.distribution(name)
    root = Path(str(distribution.locate_file("")))
    packages, flaws = closure(name)
    files = [Path(str(distribution.locate_file(each))) for each in distribution.files or ()]
    absent = tuple(
        str(each.relative_to(root)) for each in files if _belongs(each, root) and not each.exists()
    )
    libraries = [each for each in files if ".so" in each.name and each.exists()]
    mates = {
        each.name
        for package in packages
        if package.name != name
        for each in package.files or ()
        if ".so" in each.name
    }
    return Installed(
        name,
        version,
        walk_libraries(libraries, mates=mates, root=root),
        tuple(packages),
        tuple(flaws),
        absent,
    )


def _belongs(path: Path, root: Path) -> bool:
    """Scripts lie outside the folder of packages, and compiled caches come and go."""
    return path.is_relative_to(root) and ".." not in path.parts and "__pycache__" not in path.parts


def altered(distribution: metadata.Distribution) -> list[str]:
    """Shared libraries that are not the bytes their package was published with."""
    changed = []
    for each in distribution.files or ():
        path = Path(str(distribution.locate_file(each)))
        if ".so" not in each.name or each.hash is None or each.hash.mode != "sha256" or not path.exists():
            continue
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != each.hash.value.rstrip("="):
            changed.append(str(each))
    return changed


def expand(paths: Iterable[Path]) -> list[Path]:
    """The files among `paths` and below the folders among them."""
    found: list[Path] = []
    for path in paths:
        found += sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return found


def forbidden(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """(file, what it is) of everything that has no place in a delivery."""
    found = []
    for path in paths:
        parts = [each.lower() for each in path.parts[-4:]]
        reason = next((FORBIDDEN[each] for each in parts if each in FORBIDDEN), "")
        reason = reason or FORBIDDEN_SUFFIXES.get(path.suffix.lower(), "")
        if reason:
            found.append(("/".join(path.parts[-2:]), reason))
    return found
