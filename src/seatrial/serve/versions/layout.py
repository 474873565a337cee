"""Where the versions of a model lie: one model, or a folder whose sub-folders are versions."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.contract.cases import FOLDER
from seatrial.errors import NotFound
from seatrial.model.bundle import is_bundle, open_bundle
from seatrial.serve.repository import version_order
from seatrial.serve.settings import Versions
from seatrial.serve.stamps import Stamp, stamp_of

ONLY = "1"  # the version of a model that has none

# `1`, `10`, `2024-05-01`, `1.0.0-rc1`, `v2`; what starts otherwise (`model`, `test_cases`) is no version.
_VERSION = re.compile(r"v?[0-9][A-Za-z0-9_.+-]{0,127}")
_A_MODEL = (".onnx", ".pdmodel", ".pdiparams", ".pt", ".xml")  # a folder with one of these is a model itself


@dataclass(frozen=True)
class Found:
    """One version as it lies on the disk.

    Attributes:
        version: Its name.
        path: What holds its model; links are followed, so that it stays what it is when a link is turned.
        stamp: Of its files, at the time of looking.
    """

    version: str
    path: Path
    stamp: Stamp


def find_versions(path: Path) -> list[Found]:
    """The versions that lie in `path`, oldest first.

    Args:
        path: A model's file, a folder with one model, a release or bundle, or a folder of such folders.

    Raises:
        NotFound: There is nothing.
        TrustError: A bundle's manifest is damaged.
    """
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent}", hint="give a model, or a folder of versions")
    if not path.is_dir():
        return [Found(ONLY, path.resolve(), _stamp_beside(path))]
    if is_bundle(path):
        return [_bundle(path)]
    folders = _version_folders(path)
    if not folders:
        return [Found(ONLY, path.resolve(), stamp_of(path.resolve()))]
    shared = stamp_of(path, deep=False)  # a contract beside the versions belongs to each of them
    versions = []
    for each in folders:
        if is_bundle(each):
            versions.append(_bundle(each))
            continue
        resolved = each.resolve()
        versions.append(Found(each.name, resolved, (*stamp_of(resolved), *shared)))
    return sorted(versions, key=lambda each: version_order(each.version))


def wanted(
    found: Sequence[Found], policy: Versions, pinned: Collection[str]
) -> tuple[list[Found], list[Found]]:
    """Which versions a policy asks for: those that must be, and candidates of which `latest` are taken.

    Args:
        found: Oldest first.
        policy: Of the settings.
        pinned: Versions that aliases and routes name; they are served whatever the policy says.

    Returns:
        `(must, candidates)`; candidates newest first.
    """
    if policy.all:
        return list(found), []
    named = {*policy.specific, *pinned}
    must = [each for each in found if each.version in named]
    if policy.specific and policy.latest is None:
        return must, []
    return must, list(reversed(found))


def _stamp_beside(path: Path) -> Stamp:
    """Of what may belong to a file's model: the files of its folder, and its test cases."""
    here = path.resolve().parent
    if not any(each.name.startswith(path.name) for each in here.iterdir()):  # a prefix names a model, too
        raise NotFound(f"there is nothing at {path}", hint="give a model, or a folder of versions")
    cases = here / FOLDER
    return (*stamp_of(here, deep=False), *(stamp_of(cases) if cases.is_dir() else ()))


def _version_folders(path: Path) -> list[Path]:
    if not path.is_dir() or any(each.suffix in _A_MODEL for each in path.iterdir()):
        return []
    folders = [each for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")]
    return [each for each in folders if _VERSION.fullmatch(each.name) or is_bundle(each)]


def _bundle(path: Path) -> Found:
    resolved = path.resolve()
    return Found(open_bundle(resolved).manifest.version, resolved, stamp_of(resolved))
