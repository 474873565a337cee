"""A base out of Debian's packages: Python and the C libraries that wheels need, and nothing to log into.

`mmdebstrap` fetches and unpacks the packages; none of their scripts is run. So it takes seconds, needs no
emulator for another architecture, and what comes out depends on the packages alone. There is no shell, no
package manager and nothing with special rights in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.deliverables._oci.base import Base, looked_through
from seatrial.deliverables._oci.blob import LAYER, Blob, Layer, canonical, digest_of
from seatrial.deliverables._oci.compression import SUFFIXES, Compression
from seatrial.deliverables._oci.layers import Entry, whole, write_layer
from seatrial.errors import MissingDependency, Unavailable

SUITE = "bookworm"
PACKAGES = ("python3", "ca-certificates", "libgomp1", "libstdc++6", "tzdata")
RULES = 1  # of what is kept; another number makes the cache forget
USER = 10001
_SECONDS = 900
_LISTED = "seatrial-packages"  # where the hook leaves the control data of every package

# Kept: programs of Python alone. Left out: documentation but the copyrights, translations, character sets
# that only the C library's own converter uses, tests and teaching material of Python, the package manager.
_PROGRAMS = re.compile(r"usr/bin/python3(\.\d+)?")
# Paddle asks a shell whether the processor has AVX, with these three, whenever it is imported.
SHELL_PACKAGES = ("dash", "grep", "coreutils")
_SHELL = re.compile(r"bin/(dash|grep|cat)")
_OUT = re.compile(
    r"(bin|sbin|usr/bin|usr/sbin|dev|proc|sys|run|tmp|boot|root|home|media|mnt|srv|opt)(/|$)"
    r"|var/|usr/share/(man|info|locale|lintian|bash-completion|perl5|debconf|gdb|gcc|menu|pixmaps|applications"
    r"|bug|binfmts|dpkg|polkit-1|zsh|python3/runtime.d)/|usr/share/zoneinfo/(right|posix)/"
    r"|usr/share/doc/(?![^/]+/copyright$)"
    r"|usr/lib/[^/]+/gconv/|usr/lib/python3\.\d+/(test|pydoc_data|idlelib|turtledemo|lib2to3|ensurepip)/"
    r"|etc/(apt|dpkg|cron\.daily|logrotate\.d|init\.d|alternatives|resolv\.conf|hostname|fstab)(/|$)"
    r"|lib/(systemd|init)/|usr/lib/(apt|dpkg|systemd|tmpfiles\.d|sysusers\.d)/|.*/__pycache__/"
)
_HOOK = (
    'for each in "$1"/var/cache/apt/archives/*.deb; do '
    f'dpkg-deb -f "$each" >> "$1/{_LISTED}" && echo >> "$1/{_LISTED}"; done'
)


@dataclass(frozen=True)
class Debian:
    """How to make the base.

    Attributes:
        architecture: `amd64` or `arm64`.
        cache: Folder that keeps what was made.
        with_shell: Whether there must be a shell; without one there is less to break into.
        refresh: Whether to ask for newer packages although there is one in the cache.
        compression: Of the layer.
    """

    architecture: str
    cache: Path
    with_shell: bool = False
    refresh: bool = False
    compression: Compression = "gzip"

    @property
    def packages(self) -> tuple[str, ...]:
        """What is asked of Debian; what those need comes with them."""
        return (*PACKAGES, *(SHELL_PACKAGES if self.with_shell else ()))


def debian_base(how: Debian, *, progress: Callable[[str], None]) -> Base:
    """The base for an architecture, from the cache when it was made before.

    Raises:
        MissingDependency: There is no `mmdebstrap`.
        Unavailable: Debian's mirror does not answer, or has not what is needed.
        OSError: The cache cannot be written.
    """
    how.cache.mkdir(parents=True, exist_ok=True)
    recipe = canonical([RULES, SUITE, how.packages, how.architecture, how.compression])
    note = how.cache / f"debian-{hashlib.sha256(recipe).hexdigest()[:16]}.json"
    if not how.refresh and note.is_file():
        kept = json.loads(note.read_bytes())
        if whole(how.cache / kept["blob"]):
            progress(f"base: debian {SUITE}, {kept['packages']} packages, as in the cache")
            return _base(how, kept)
    progress(f"base: debian {SUITE} for {how.architecture}, by mmdebstrap")
    kept = _made(how)
    beside = note.with_suffix(f".{os.getpid()}")
    beside.write_bytes(canonical(kept))
    beside.replace(note)
    return _base(how, kept)


def _made(how: Debian) -> dict[str, object]:
    raw = how.cache / f".debian-{how.architecture}-{os.getpid()}.tar"
    try:
        _run(how, raw)
        with tarfile.open(raw) as tar:
            packages = _packages(tar)
            layer = write_layer(
                _entries(tar, packages), how.cache, f"debian {SUITE}", compression=how.compression
            )
    finally:
        raw.unlink(missing_ok=True)
    return {
        "blob": layer.blob.digest.removeprefix("sha256:"),
        "size": layer.blob.size,
        "diff_id": layer.diff_id,
        "packages": len(re.findall(r"^Package:", packages, re.MULTILINE)),
    }


def _run(how: Debian, out: Path) -> None:
    program = shutil.which("mmdebstrap")
    if program is None:
        raise MissingDependency(
            "the program mmdebstrap is needed for --base debian and is not there",
            hint="apt-get install mmdebstrap, or give a base of your own: --base oci:LAYOUT",
        )
    command = [
        program, "--quiet", "--variant=extract", f"--architectures={how.architecture}",
        f"--include={','.join(how.packages)}", f"--extract-hook={_HOOK}", SUITE, str(out),
    ]  # fmt: skip
    environment = os.environ | {"SOURCE_DATE_EPOCH": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - a program of Debian with arguments of ours
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"mmdebstrap did not end in {_SECONDS} seconds") from error
    if done.returncode:
        told = " ".join(line for line in done.stderr.splitlines() if line.startswith("E:"))
        raise Unavailable(
            f"mmdebstrap could not make the base: {told or done.stderr[-500:]}",
            hint="is the mirror in the sources of apt reachable? otherwise give --base oci:LAYOUT",
        )


def _packages(tar: tarfile.TarFile) -> str:
    """The control data of every package, sorted, as `/var/lib/dpkg/status` has it: scanners read it."""
    member = next((each for each in tar if each.name.removeprefix("./") == _LISTED), None)
    file = tar.extractfile(member) if member is not None else None
    if file is None:
        raise Unavailable(
            "mmdebstrap unpacked nothing", hint="is the mirror in the sources of apt reachable?"
        )
    told = file.read().decode("utf-8", "replace")
    records = sorted(each.strip() for each in told.split("\n\n") if each.strip())
    return "\n\n".join(f"{each}\nStatus: install ok installed" for each in records) + "\n"


def _entries(tar: tarfile.TarFile, packages: str) -> Iterator[Entry]:
    authorities = []
    for each in tar:
        path = each.name.removeprefix("./")
        file = tar.extractfile(each) if each.isreg() and _kept(path) else None
        if path.startswith("usr/share/ca-certificates/") and path.endswith(".crt") and file is not None:
            authorities.append((path, file.read()))
        elif file is not None:
            yield Entry(path, file.read(), executable=bool(each.mode & 0o100))
        elif each.issym() and _kept(path):
            yield Entry(path, target=each.linkname)
        elif each.islnk() and _kept(path):
            same = tar.extractfile(each)
            yield Entry(path, same.read() if same else b"", executable=bool(each.mode & 0o100))
    yield from _written(packages, sorted(authorities))


def _written(packages: str, authorities: Iterable[tuple[str, bytes]]) -> Iterator[Entry]:
    """What the scripts of the packages would have made, as far as a server needs it."""
    bundle = b"".join(data if data.endswith(b"\n") else data + b"\n" for _, data in authorities)
    yield Entry("etc/ssl/certs/ca-certificates.crt", bundle)
    yield Entry("var/lib/dpkg/status", packages.encode())
    users = f"root:x:0:0:root:/:/bin/false\nseatrial:x:{USER}:{USER}:seatrial:/tmp:/bin/false\n"
    yield Entry("etc/passwd", users.encode())
    yield Entry("etc/group", f"root:x:0:\nseatrial:x:{USER}:\n".encode())
    yield Entry("etc/nsswitch.conf", b"hosts: files dns\n")
    if "Package: dash\n" in packages:
        yield Entry("bin/sh", target="dash")
    yield Entry("tmp", mode=0o1777)
    for each in ("dev", "proc", "run", "sys"):
        yield Entry(each)


def _kept(path: str) -> bool:
    if path == _LISTED:
        return False
    return bool(_PROGRAMS.fullmatch(path) or _SHELL.fullmatch(path)) or not _OUT.match(path)


def _base(how: Debian, kept: dict[str, object]) -> Base:
    path = how.cache / str(kept["blob"])
    media_type = LAYER + SUFFIXES[how.compression]
    blob = Blob(media_type, f"sha256:{kept['blob']}", path.stat().st_size, path)
    layer = Layer(blob, str(kept["diff_id"]), f"debian {SUITE}")
    config = {
        "architecture": how.architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
    }
    digest = digest_of(canonical(config))
    return looked_through(f"debian:{SUITE}", digest, (layer,), config, how.architecture)
