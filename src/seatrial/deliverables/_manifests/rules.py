"""Rules that a schema does not know: manifests that a cluster takes and that still serve nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PINNED = re.compile(r".+@sha256:[0-9a-f]{64}")
_UNITS = {
    "": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")

Document = Mapping[str, Any]


def broken_rules(documents: Sequence[Document], *, pinned: bool = True) -> list[str]:
    """What is wrong with manifests that belong together, one sentence each; empty when nothing is.

    Args:
        documents: Of one model.
        pinned: Whether images must be named by their digest.
    """
    pods = {_name(each): each["spec"]["template"] for each in documents if each["kind"] == "Deployment"}
    found: list[str] = []
    for each in documents:
        found += [f"{each['kind']} {_name(each)}: {why}" for why in _of(each, pods, pinned=pinned)]
    return found


def quantity(text: Any) -> float:
    """Kubernetes' way to write amounts: `500m`, `1Gi`.

    Raises:
        ValueError: It is none.
    """
    match = _QUANTITY.fullmatch(str(text))
    if not match:
        raise ValueError(f"{text!r} is no quantity")
    return float(match[1]) * _UNITS[match[2] or ""]


def _name(document: Document) -> str:
    return str(document["metadata"]["name"])


def _of(document: Document, pods: Mapping[str, Document], *, pinned: bool) -> Iterator[str]:
    kind, spec = document["kind"], document["spec"]
    if kind == "Deployment":
        template = spec["template"]
        if not _within(spec["selector"]["matchLabels"], template["metadata"]["labels"]):
            yield "its selector does not match the labels of its pods"
        if not template["spec"].get("securityContext", {}).get("runAsNonRoot"):
            yield "it may run as root"
        yield from _containers(template["spec"], pinned=pinned)
    elif kind == "ServingRuntime":
        yield from _containers(spec, pinned=pinned)
    elif kind == "Service":
        yield from _service(spec, pods)
    elif kind == "PodDisruptionBudget":
        if not _finds(spec["selector"]["matchLabels"], pods):
            yield "its selector matches no pod"
    elif kind == "HorizontalPodAutoscaler":
        if spec["scaleTargetRef"]["name"] not in pods:
            yield f"it scales {spec['scaleTargetRef']['name']}, which is not there"
        if spec["minReplicas"] > spec["maxReplicas"]:
            yield f"at least {spec['minReplicas']} and at most {spec['maxReplicas']} replicas"


def _service(spec: Document, pods: Mapping[str, Document]) -> Iterator[str]:
    matching = _finds(spec["selector"], pods)
    if not matching:
        yield "its selector matches no pod"
    open_ports = {
        value
        for pod in matching
        for container in pod["spec"]["containers"]
        for port in container["ports"]
        for value in (port.get("name"), port["containerPort"])
    }
    for port in spec["ports"]:
        yield from _port(port["port"])
        if matching and port.get("targetPort", port["port"]) not in open_ports:
            yield f"no container opens the port {port.get('targetPort', port['port'])}"


def _containers(spec: Document, *, pinned: bool) -> Iterator[str]:
    volumes = {each["name"] for each in spec.get("volumes", ())}
    for each in spec["containers"]:
        name = each["name"]
        if pinned and not _PINNED.fullmatch(each["image"]):
            yield f"{name}: the image {each['image']} is not pinned by its digest"
        for port in each["ports"]:
            yield from _port(port["containerPort"])
        yield from (f"{name}: {why}" for why in _resources(each.get("resources", {})))
        yield from (f"{name}: there is no {probe}" for probe in _PROBES if probe not in each)
        security = each.get("securityContext", {})
        if not security.get("readOnlyRootFilesystem"):
            yield f"{name}: it may write to its own files"
        if security.get("allowPrivilegeEscalation", True):
            yield f"{name}: it may get more rights"
        for mount in each.get("volumeMounts", ()):
            if mount["name"] not in volumes:
                yield f"{name}: there is no volume {mount['name']}"


def _resources(resources: Document) -> Iterator[str]:
    for what in ("cpu", "memory"):
        asked, most = (resources.get(each, {}).get(what) for each in ("requests", "limits"))
        if asked is None or most is None:
            yield f"{what} has no request or no limit"
        elif quantity(asked) > quantity(most):
            yield f"{what}: {asked} are requested and at most {most} allowed"


def _port(number: Any) -> Iterator[str]:
    if not isinstance(number, int) or not 1 <= number <= 65535:
        yield f"{number} is no port: 1 to 65535"


def _within(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


def _finds(wanted: Mapping[str, str], pods: Mapping[str, Document]) -> list[Document]:
    return [each for each in pods.values() if _within(wanted, each["metadata"]["labels"])]
