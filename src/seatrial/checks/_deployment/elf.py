"""What shared libraries need, read from their headers; nothing is executed.

`ldd` runs the file's own loader and knows only this machine's processor; this walk reads DT_NEEDED, the run
paths and the version needs (System V ABI; GNU symbol versions) and says who provides what (`M10`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

if TYPE_CHECKING:
    from collections.abc import Iterable

# Every system of the target's age has these: the list of PEP 600, without the graphical ones.
PLATFORM = re.compile(
    r"(ld-linux.*|linux-vdso|lib(c|m|mvec|dl|rt|pthread|util|resolv|nsl|anl|crypt|gcc_s|stdc\+\+|atomic))\.so.*"
)
# These come with the driver of a graphics or neural processor and are loaded only where there is one.
DRIVER = re.compile(r"lib(OpenCL|cuda|nvidia-ml|nvcuvid|ze_loader|hsa-runtime64|npu_driver_compiler)\.so.*")
SYSTEM_FOLDERS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")


@dataclass(frozen=True)
class Library:
    """One ELF file.

    Attributes:
        path: Where it lies.
        machine: `x64`, `AArch64`...
        needed: Libraries it asks for, by name.
        folders: Where it tells the loader to look, `$ORIGIN` resolved.
        names: What others may call it.
        versions: Symbol versions it asks for: `GLIBC_2.28`...
    """

    path: Path
    machine: str
    needed: tuple[str, ...]
    folders: tuple[str, ...]
    names: tuple[str, ...]
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Need:
    """A library that is asked for and not beside whoever asks.

    `status` is `absent`, `elsewhere` (another file of the tree, found when loaded first), `system`, or
    `driver` (comes with a device that need not be there).
    """

    name: str
    user: str
    status: str


@dataclass(frozen=True)
class ElfReport:
    """What a tree of libraries asks of the machine it will run on.

    Attributes:
        libraries: ELF files read.
        unreadable: Files that begin like ELF and are broken.
        machines: Processors they are for.
        needs: Libraries not found beside their users.
        glibc: Highest GLIBC symbol version asked for, such as (2, 28); () when none.
        glibcxx: Highest GLIBCXX symbol version asked for.
        glibc_user: A file that asks for it.
        glibcxx_user: A file that asks for it.
    """

    libraries: int
    unreadable: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    glibc: tuple[int, ...] = ()
    glibcxx: tuple[int, ...] = ()
    glibc_user: str = ""
    glibcxx_user: str = ""

    def named(self, status: str) -> list[Need]:
        """The needs with one status."""
        return [each for each in self.needs if each.status == status]


@dataclass
class _Dynamic:
    needed: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)


def read_library(path: Path) -> Library | None:
    """Reads one file's needs; None when it is no ELF file.

    Raises:
        ValueError: It begins like one and is broken.
    """
    with path.open("rb") as stream:
        if stream.read(4) != b"\x7fELF":
            return None
        stream.seek(0)
        found = _Dynamic()
        try:
            elf = ELFFile(stream)
            machine = str(elf.get_machine_arch())
            for section in elf.iter_sections():
                _read_section(section, found)
        except (
            ELFError,
            AssertionError,
            ValueError,
            KeyError,
            IndexError,
            OverflowError,
            AttributeError,
        ) as error:
            raise ValueError(f"{path.name} is a broken ELF file: {error}") from error
    origin = str(path.parent)
    folders = [each.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for each in found.folders]
    return Library(
        path,
        machine,
        tuple(found.needed),
        tuple(folders),
        tuple({path.name, *found.names}),
        tuple(sorted(set(found.versions))),
    )


def _read_section(section: Any, found: _Dynamic) -> None:
    if isinstance(section, DynamicSection):
        tags: Any = section.iter_tags()
        for tag in tags:
            kind = tag.entry.d_tag
            if kind == "DT_NEEDED":
                found.needed.append(tag.needed)
            elif kind == "DT_SONAME":
                found.names.append(tag.soname)
            elif kind in {"DT_RPATH", "DT_RUNPATH"}:
                found.folders += (tag.rpath if kind == "DT_RPATH" else tag.runpath).split(":")
    elif isinstance(section, GNUVerNeedSection):
        for _, symbols in section.iter_versions():
            found.versions += [each.name for each in symbols]


def walk_libraries(
    paths: Iterable[Path], *, mates: Iterable[str] = (), root: Path | None = None
) -> ElfReport:
    """Reads every ELF file among `paths` and says what they need and who has it.

    Args:
        paths: Files; those that are no ELF are passed over.
        mates: Names of libraries that other installed packages bring.
        root: File names are shown relative to it.
    """
    libraries, unreadable = [], []
    for path in paths:
        try:
            library = read_library(path)
        except ValueError as error:
            unreadable.append(str(error))
        else:
            libraries += [library] if library else []
    provided = {name for library in libraries for name in library.names} | set(mates)
    folders = _system_folders()
    needs = [
        Need(name, _shown(library.path, root), status)
        for library in libraries
        for name in library.needed
        if (status := _status(name, library, provided, folders))
    ]
    glibc, glibc_user = _floor(libraries, "GLIBC_")
    glibcxx, glibcxx_user = _floor(libraries, "GLIBCXX_")
    return ElfReport(
        len(libraries),
        tuple(unreadable),
        tuple(sorted({each.machine for each in libraries})),
        tuple(needs),
        glibc,
        glibcxx,
        glibc_user,
        glibcxx_user,
    )


def _shown(path: Path, root: Path | None) -> str:
    return str(path.relative_to(root)) if root and path.is_relative_to(root) else path.name


def _status(name: str, library: Library, provided: set[str], folders: tuple[Path, ...]) -> str:
    """Empty when the library's own run path or the platform has it."""
    if PLATFORM.fullmatch(name) or any((Path(each) / name).exists() for each in library.folders if each):
        return ""
    if name in provided:
        return "elsewhere"
    if DRIVER.fullmatch(name):
        return "driver"
    return "system" if any((each / name).exists() for each in folders) else "absent"


def _system_folders() -> tuple[Path, ...]:
    roots = [Path(each) for each in SYSTEM_FOLDERS]
    return tuple(each for root in roots for each in (root, *root.glob("*-linux-gnu*")) if each.is_dir())


def _floor(libraries: list[Library], prefix: str) -> tuple[tuple[int, ...], str]:
    asked = [
        (parse_version(version.removeprefix(prefix)), library.path.name)
        for library in libraries
        for version in library.versions
        if version.startswith(prefix) and version.removeprefix(prefix)[:1].isdigit()
    ]
    return max(asked, default=((), ""))


def parse_version(text: str) -> tuple[int, ...]:
    """`2.28` -> (2, 28); what is no number ends it."""
    parts = []
    for part in text.split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    return tuple(parts)
