"""What is known of the service that manifests describe."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from seatrial.checks import Report
from seatrial.errors import UsageError
from seatrial.model.manifest import Manifest

REST, GRPC = 8000, 8001
DRAIN_SECONDS = 130  # the server's own 120 for what was promised, and a little to end
USER = 10001  # of the image
_SERVER_MIB = 256  # the server itself and room for requests, beside the engine
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9._/:-]*(@sha256:[0-9a-f]{64})?")
_PINNED = re.compile(r".+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Service:
    """One model as a service.

    Attributes:
        name: As DNS allows it (RFC 1123): small letters, digits, `-`.
        version: Of the bundle.
        digest: Of the bundle.
        image: Reference of the image; pinned when it ends in `@sha256:...`.
        replicas: At the start, and at least.
        most: Replicas that load may call for.
        cpu: Cores that one replica is promised, in thousandths.
        memory: MiB that one replica may take.
        warm_up: Seconds that loading, measuring and the test cases may take.
    """

    name: str
    version: str
    digest: str
    image: str
    replicas: int = 2
    most: int = 6
    cpu: int = 1000
    memory: int = 1024
    warm_up: int = 300

    @property
    def pinned(self) -> bool:
        """Whether the image is named by its digest: a tag may be turned to something else."""
        return bool(_PINNED.fullmatch(self.image))

    @property
    def labels(self) -> dict[str, str]:
        """What its objects are found by."""
        return {"app.kubernetes.io/name": self.name}

    @property
    def told(self) -> dict[str, str]:
        """What its objects say of themselves."""
        return {**self.labels, "app.kubernetes.io/version": self.version}


def service_of(manifest: Manifest, digest: str, report: Report, **said: Any) -> Service:
    """What the bundle and its report say; `said` goes before.

    Memory is what the performance check measured at its peak and half as much again, beside the server.

    Raises:
        UsageError: A value makes no sense.
    """
    peak = report.figures.get("performance", {}).get("performance.memory", 0)
    measured = float(peak) if isinstance(peak, int | float) else 0.0
    memory = max(512, 128 * math.ceil((1.5 * measured + _SERVER_MIB) / 128))
    name = dns_name(manifest.name)
    known = {"image": f"{name}:{manifest.version}", "memory": memory}
    service = Service(
        name=name,
        version=manifest.version,
        digest=digest,
        **{**known, **{key: each for key, each in said.items() if each is not None}},
    )
    if not _REFERENCE.fullmatch(service.image):
        raise UsageError(f"'{service.image}' names no image", hint="such as team/digits@sha256:...")
    if not 1 <= service.replicas <= service.most:
        raise UsageError(f"{service.replicas} replicas and at most {service.most}", hint="give 1 or more")
    if service.cpu < 1 or service.memory < 64:
        raise UsageError(f"{service.cpu / 1000:g} cores and {service.memory} MiB cannot run a service")
    return service


def dns_name(text: str) -> str:
    """A name as Kubernetes takes it (RFC 1123, at most 63 characters).

    Raises:
        UsageError: Nothing is left of it.
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-")
    if not name or not name[0].isalpha():
        name = f"model-{name}".strip("-")[:63]
    return name


def as_yaml(documents: Sequence[Mapping[str, Any]], comment: str) -> bytes:
    """YAML with a comment at its head; fields stay in their order."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    text = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=100)
    return (head + text).encode()
