"""From what a user asks for to an image: the base found, the dependencies installed, the layers written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.deliverables._oci.base import MACHINES, Base, base_from_layout, base_from_registry
from seatrial.deliverables._oci.blob import Package
from seatrial.deliverables._oci.compression import Compression
from seatrial.deliverables._oci.contents import choose
from seatrial.deliverables._oci.debian import Debian, debian_base
from seatrial.deliverables._oci.dependencies import Needs, dependencies, lock_file
from seatrial.deliverables._oci.image import Parts, build_image
from seatrial.deliverables._oci.line import line_to
from seatrial.deliverables._oci.reference import reference
from seatrial.deliverables._oci.registry import Registry
from seatrial.errors import UsageError
from seatrial.model.bundle import Bundle

REGISTRY = "SEATRIAL_REGISTRY"  # names the registry of references that name none


@dataclass(frozen=True)
class ImageOrder:
    """What kind of image is wanted.

    Attributes:
        base: `debian`, `oci:PATH`, `oci:PATH@sha256:...` or a reference with a digest.
        architecture: `amd64` or `arm64`.
        extra: Which runtime: `onnx`, `openvino` or `paddle`; empty: what suits the preferred model.
        more: Further extras, such as `trace`.
        compression: Of the layers.
        lock: Hashed requirements; None for those that this Seatrial was tested with.
        cache: Folder that keeps bases and dependencies.
        refresh: Whether to ask for newer packages of Debian.
        plain_http: Whether the base's registry is spoken to without TLS.
    """

    cache: Path
    base: str = "debian"
    architecture: str = "amd64"
    extra: str = ""
    more: tuple[str, ...] = ()
    compression: Compression = "gzip"
    lock: Path | None = None
    refresh: bool = False
    plain_http: bool = False


def make_image(
    bundle: Bundle, order: ImageOrder, folder: Path, *, progress: Callable[[str], None]
) -> Package:
    """An image that serves a bundle.

    Args:
        bundle: It is verified before anything of it is used.
        order: What kind of image.
        folder: Where new blobs are written; they are needed until the image is written or pushed.
        progress: Told what is done.

    Raises:
        SeatrialError: Bundle, base or dependencies are not as they should be; the message says which.
        OSError: A blob cannot be written.
    """
    bundle.verify()
    choice = choose(bundle, order.extra)
    base = find_base(order, folder, extra=choice.extra, progress=progress)
    needs = Needs((choice.extra, *order.more), order.lock or lock_file(), order.cache, order.compression)
    installed = dependencies(needs, base, progress=progress)
    parts = Parts(bundle, base, installed, choice, order.compression)
    return build_image(parts, folder, progress=progress)


def find_base(order: ImageOrder, folder: Path, *, extra: str = "", progress: Callable[[str], None]) -> Base:
    """The base that an order names.

    Args:
        order: What kind of image.
        folder: Where blobs are written.
        extra: The runtime that will be on it.
        progress: Told what is done.

    Raises:
        SeatrialError: There is none, or it cannot be used.
    """
    if order.architecture not in MACHINES:
        raise UsageError(
            f"there are no images for '{order.architecture}'", hint="one of: " + ", ".join(MACHINES)
        )
    if order.base == "debian":
        shell = extra == "paddle"
        how = Debian(order.architecture, order.cache, shell, order.refresh, order.compression)
        return debian_base(how, progress=progress)
    if order.base.startswith("oci:"):
        path, _, digest = order.base.removeprefix("oci:").partition("@")
        return base_from_layout(Path(path), order.architecture, folder, digest=digest)
    where = reference(order.base, host=os.environ.get(REGISTRY, ""))
    if not where.digest:
        raise UsageError(
            f"the base {order.base} is named without its digest, and may be another one tomorrow",
            hint=f"name it with its digest: {order.base}@sha256:...",
        )
    progress(f"base: {where}")
    with Registry(where, line_to(where.host, plain_http=order.plain_http)) as registry:
        return base_from_registry(registry, str(where), where.digest, order.architecture, folder)


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where bases and dependencies are kept: below `SEATRIAL_HOME`, else where XDG says."""
    if environment.get("SEATRIAL_HOME"):
        return Path(environment["SEATRIAL_HOME"]) / "cache" / "image"
    home = Path(environment.get("HOME") or "/")
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "seatrial" / "image"
