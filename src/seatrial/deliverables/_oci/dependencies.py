"""What the server needs besides itself: pinned, hashed, built for the image's machine and not for this one.

Which packages those are comes from the metadata of the ones installed here; which versions, and the digests
of their files, come from the lock. The image gets wheels only: nothing is built, nothing of theirs is run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from seatrial.deliverables._oci.base import HOME, MACHINES, Base
from seatrial.deliverables._oci.blob import LAYER, Blob, Layer, canonical
from seatrial.deliverables._oci.compression import SUFFIXES, Compression
from seatrial.deliverables._oci.layers import Entry, below, whole, write_layer
from seatrial.errors import MissingDependency, NotFound, Unavailable, UsageError

# What `seatrial serve` and `seatrial client` import; tests/deliverables/test_oci_dependencies.py holds it
# against the code.
SERVER = (
    "click", "cryptography", "grpcio", "httptools", "httpx", "jsonschema", "numpy", "opencv-python-headless",
    "orjson", "pillow", "protobuf", "psutil", "pyclipper", "pydantic", "pyyaml", "swagger-ui-py",
    "uvloop", "zstandard",
)  # fmt: skip
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "onnx": ("onnxruntime",),
    "openvino": ("openvino",),
    "paddle": ("paddlepaddle", "setuptools"),
    "trace": ("opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk"),
}
PINS = f"{HOME}/requirements.txt"
RULES = 2  # of what is kept; another number makes the cache forget
_OLDEST_LIBC = (2, 28)
_SECONDS = 1800

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)[^\n\\]*((?:\\\n\s+--hash=\S+\s*)+)", re.MULTILINE)
# Nothing of this is read by a program that runs: sources for compilers, tests of numpy, the editor that comes
# with Swagger UI, a second backend of zstandard, devices and formats that no runtime here asks OpenVINO for,
# ONNX Runtime's tools and its second copy of itself for programs in C.
_OUT = re.compile(
    r"(.*/)?__pycache__/.*|bin/.*|share/(man|doc)/.*|.*\.(pyi|pyx|pxd|pxi|h|hpp|hh|cuh|a|lib|cmake)|numpy/(.*/)?tests/.*"
    r"|swagger_ui/static/(?!swagger-ui\.css$|swagger-ui-bundle\.js$).*|zstandard/_cffi\..*"
    r"|onnxruntime/(tools|transformers|quantization|datasets|backend)/.*|onnxruntime/capi/libonnxruntime\.so.*"
    r"|openvino/libs/(cache\.json|libopenvino_(intel_[gn]pu_plugin|(tensorflow|tensorflow_lite|pytorch|jax|gguf)"
    r"_frontend)\..*)|[^/]+\.dist-info/(INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json)|\.lock"
)


@dataclass(frozen=True)
class Needs:
    """What is to be installed, and where it is kept.

    Attributes:
        extras: Of `EXTRAS`.
        lock: Hashed requirements.
        cache: Folder that keeps what was made.
        compression: Of the layer.
    """

    extras: tuple[str, ...]
    lock: Path
    cache: Path
    compression: Compression = "gzip"


def lock_file() -> Path:
    """The lock that this Seatrial was tested with; in the repository a link to `requirements/lock.txt`.

    Raises:
        NotFound: This Seatrial came without it.
    """
    path = Path(__file__).with_name("lock.txt")
    if path.is_file():
        return path
    raise NotFound("this Seatrial came without its lock", hint="give hashed requirements with --lock")


def dependencies(needs: Needs, base: Base, *, progress: Callable[[str], None]) -> Layer:
    """The layer with everything that the server imports, from the cache when it was made before.

    Args:
        needs: What, from which lock.
        base: For which Python and machine.
        progress: Told what is done.

    Raises:
        UsageError: The lock lacks a package, or there is no wheel for the machine.
        MissingDependency: There is neither `uv` nor `pip`, or a package is not installed here.
        Unavailable: The package index does not answer.
        OSError: The cache cannot be written.
    """
    pins = pinned(needs, base)
    recipe = canonical([RULES, pins, base.architecture, base.version, needs.compression])
    needs.cache.mkdir(parents=True, exist_ok=True)
    note = needs.cache / f"dependencies-{hashlib.sha256(recipe).hexdigest()[:16]}.json"
    kept = _from_cache(note, needs)
    count = pins.count("==")
    if kept is not None:
        progress(f"dependencies: {count} packages, as in the cache")
        return kept
    progress(f"dependencies: {count} packages for {base.architecture}, Python 3.{base.version[1]}")
    with tempfile.TemporaryDirectory(dir=needs.cache, prefix=".install-") as folder:
        target = Path(folder) / "lib"
        _install(pins, base, target)
        layer = write_layer(
            _entries(target, pins, base.packages),
            needs.cache,
            f"dependencies: {count} packages",
            compression=needs.compression,
        )
    name = layer.blob.digest.removeprefix("sha256:")
    beside = note.with_suffix(f".{os.getpid()}")
    beside.write_bytes(canonical({"blob": name, "diff_id": layer.diff_id, "what": layer.what}))
    beside.replace(note)
    return layer


def pinned(needs: Needs, base: Base) -> str:
    """Hashed requirements of what the server needs, sorted.

    Raises:
        UsageError: The lock lacks a package.
        MissingDependency: A package is not installed here, so that nobody knows what it needs.
    """
    unknown = [each for each in needs.extras if each not in EXTRAS]
    if unknown:
        raise UsageError(
            f"there is no extra '{unknown[0]}' for an image", hint="one of: " + ", ".join(EXTRAS)
        )
    try:
        text = needs.lock.read_text("utf-8")
    except OSError as error:
        raise NotFound(f"the lock {needs.lock} cannot be read: {error.strerror}") from error
    locked = {str(canonicalize_name(name)): (version, sums) for name, version, sums in _PIN.findall(text)}
    roots = [*SERVER, *(name for each in needs.extras for name in EXTRAS[each])]
    lines = []
    for name in sorted(_closure(roots, _environment(base))):
        if name not in locked:
            raise UsageError(
                f"the lock {needs.lock.name} does not pin {name}", hint="give one that does with --lock"
            )
        version, sums = locked[name]
        hashes = sorted(set(re.findall(r"--hash=\S+", sums)))
        lines.append(f"{name}=={version} \\\n    " + " \\\n    ".join(hashes))
    return "\n".join(lines) + "\n"


def _closure(roots: list[str], environment: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    pending = [Requirement(each) for each in roots]
    while pending:
        wanted = pending.pop()
        name = str(canonicalize_name(wanted.name))
        extras = {"", *wanted.extras}
        if name in found and not wanted.extras:
            continue
        found.add(name)
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError as error:
            raise MissingDependency(
                f"{name} is to be in the image and is not installed here, so that its needs are not known",
                hint="pip install 'seatrial[serve,client]' and the extra of the runtime",
            ) from error
        for each in map(Requirement, needed):
            fits = each.marker is None or any(
                each.marker.evaluate({**environment, "extra": extra}) for extra in extras
            )
            if fits and str(canonicalize_name(each.name)) not in found:
                pending.append(each)
    return found


def _environment(base: Base) -> dict[str, str]:
    version = f"{base.version[0]}.{base.version[1]}"
    return {
        "implementation_name": "cpython", "implementation_version": f"{version}.0", "os_name": "posix",
        "platform_machine": MACHINES[base.architecture], "platform_python_implementation": "CPython",
        "platform_release": "", "platform_system": "Linux", "platform_version": "",
        "python_full_version": f"{version}.0", "python_version": version, "sys_platform": "linux",
    }  # fmt: skip


def _install(pins: str, base: Base, target: Path) -> None:
    file = target.with_name("requirements.txt")
    file.write_text(pins, "utf-8")
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "UV_NO_CONFIG": "1"}
    command = [*_installer(base), "--target", str(target), "--require-hashes", "--no-deps", "-r", str(file)]
    try:
        done = subprocess.run(  # noqa: S603 - pip or uv with arguments of ours
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"the packages did not arrive in {_SECONDS} seconds") from error
    if done.returncode:
        raise _refused(done.stderr, base)


def _refused(told: str, base: Base) -> Unavailable | UsageError:
    short = " ".join(told.split())[-600:]
    if re.search(r"hash|no matching distribution|no solution|no wheels|unsatisfiable", told, re.IGNORECASE):
        return UsageError(
            f"the dependencies cannot be had for {base.architecture}, Python 3.{base.version[1]}: {short}",
            hint="another --extra or --base may have wheels for this machine",
        )
    return Unavailable(
        f"the dependencies could not be fetched: {short}", hint="is the package index reachable?"
    )


def _installer(base: Base) -> list[str]:
    """The program that installs wheels for another machine; `uv` because it is several times as fast."""
    machine, version = MACHINES[base.architecture], f"3.{base.version[1]}"
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv:
        major, minor = _OLDEST_LIBC
        return [
            uv, "pip", "install", "--quiet", "--python", sys.executable, "--python-version", version,
            "--python-platform", f"{machine}-manylinux_{major}_{minor}", "--only-binary", ":all:",
        ]  # fmt: skip
    if importlib.util.find_spec("pip") is None:
        raise MissingDependency(
            "neither uv nor pip is there to fetch the dependencies", hint="pip install uv"
        )
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(_OLDEST_LIBC[1], 4, -1)]
    platforms = [part for tag in [*tags, f"manylinux2014_{machine}"] for part in ("--platform", tag)]
    return [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
        "--implementation", "cp", "--python-version", version, *platforms, "--only-binary", ":all:",
    ]  # fmt: skip


def _entries(target: Path, pins: str, folder: str) -> Iterator[Entry]:
    yield Entry(PINS, pins.encode())
    for each in below(target, folder, keep=kept):
        path = each.path.removeprefix(f"{folder}/")
        if isinstance(each.content, Path) and path.endswith(".dist-info/RECORD"):
            yield replace(each, content=_record(each.content), executable=False)
        else:
            yield replace(each, executable=False)  # pip and uv do not agree; nothing there is started


def kept(path: str) -> bool:
    """Whether a file of the installed packages goes into the image."""
    return not _OUT.fullmatch(path)


def _record(path: Path) -> bytes:
    """The listing of a package without what was left out and what names this machine."""
    lines = path.read_text("utf-8").splitlines()
    wanted = (each for each in lines if not each.startswith("..") and kept(each.split(",")[0].strip('"')))
    return ("\n".join(sorted(wanted)) + "\n").encode()


def _from_cache(note: Path, needs: Needs) -> Layer | None:
    if not note.is_file():
        return None
    said: dict[str, Any] = json.loads(note.read_bytes())
    path = needs.cache / said["blob"]
    if not whole(path):
        return None  # it is made again
    blob = Blob(LAYER + SUFFIXES[needs.compression], f"sha256:{said['blob']}", path.stat().st_size, path)
    return Layer(blob, said["diff_id"], said["what"])
