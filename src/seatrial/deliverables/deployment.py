"""Manifests for those who run the service; `seatrial deploy` writes them again for one image's digest."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._manifests import (
    Service,
    as_yaml,
    compose,
    kserve,
    kubernetes,
    service_of,
    systemd,
)
from seatrial.model.manifest import Manifest
from seatrial.text import Text

FOLDER = "deploy"
TAGGED = """\
{file} of {release}. The image is named by a tag, which may be turned to something else:
for production write these files again with the digest that `seatrial image` printed:
    seatrial deploy BUNDLE --image REFERENCE@sha256:... -o deploy"""
PINNED = "{file} of {release}, bundle {digest}. Written by `seatrial deploy`."


def manifests(service: Service, release: str, storage: str) -> dict[str, bytes]:
    """Every manifest by its path; a comment at its head says what it is about.

    Args:
        service: What is known of it.
        release: `name-version`, the bundle's folder name.
        storage: Where KServe finds the bundle.
    """
    comment = PINNED if service.pinned else TAGGED
    written = {}
    groups = {
        "kubernetes": kubernetes(service),
        "kserve": kserve(service, storage),
        "compose": {"compose.yaml": compose(service)},
    }
    for group, documents in groups.items():
        for name, document in documents.items():
            said = comment.format(file=name, release=release, digest=service.digest)
            written[f"{group}/{name}"] = as_yaml([document], said)
    written[f"systemd/{service.name}.service"] = systemd(service, release).encode()
    return written


def _make(handover: Handover) -> Iterator[Item]:
    # The bundle's digest is not known before the bundle is: what lies in it names the model's instead.
    manifest = Manifest(handover.name, handover.version, handover.created, (), ())
    service = service_of(manifest, handover.models[0].digest, handover.report)
    release = f"{handover.name}-{handover.version}"
    for path, data in manifests(service, release, f"pvc://models/{release}").items():
        kind = "text/plain" if path.endswith(".service") else "application/yaml"
        yield Item(f"{FOLDER}/{path}", "deployment", data, kind)


DELIVERABLE = Deliverable(
    name="deployment",
    order=90,
    summary=Text(
        "Kubernetes, KServe, Compose and systemd: limits, probes, no root",
        "Kubernetes、KServe、Compose 与 systemd 清单：资源限制、探针、非 root",
    ),
    make=_make,
)
