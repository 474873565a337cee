"""Deployment, Service, PodDisruptionBudget and HorizontalPodAutoscaler of one model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.deliverables._manifests.service import DRAIN_SECONDS, GRPC, REST, USER, Service

Documents = dict[str, Mapping[str, Any]]


def kubernetes(service: Service) -> Documents:
    """The four objects by file name."""
    return {
        "deployment.yaml": _deployment(service),
        "service.yaml": _service(service),
        "disruption-budget.yaml": _budget(service),
        "autoscaler.yaml": _autoscaler(service),
    }


def container(service: Service) -> dict[str, Any]:
    """The one container: ports, limits, probes, and as few rights as it needs."""
    ready, live = (f"/v2/health/{word}" for word in ("ready", "live"))  # Open Inference Protocol v2
    return {
        "name": service.name,
        "image": service.image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [
            {"name": "http", "containerPort": REST, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC, "protocol": "TCP"},
        ],
        "resources": resources(service),
        # Loading, measuring and the test cases come first; only then is it asked how it is.
        "startupProbe": _probe(ready, every=5, failures=max(1, service.warm_up // 5)),
        "readinessProbe": _probe(ready, every=5, failures=2),
        "livenessProbe": _probe(live, every=10, failures=6),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - in the container, its own
    }


def resources(service: Service) -> dict[str, Any]:
    """Memory promised and allowed are the same: what is promised less is taken away under load."""
    memory = f"{service.memory}Mi"
    return {
        "requests": {"cpu": f"{service.cpu}m", "memory": memory},
        "limits": {"cpu": f"{2 * service.cpu}m", "memory": memory},
    }


def _probe(path: str, *, every: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": every,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def _meta(service: Service, name: str = "") -> dict[str, Any]:
    return {"name": name or service.name, "labels": service.told}


def _deployment(service: Service) -> dict[str, Any]:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": service.labels},
    }
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": DRAIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [spread],
        "containers": [container(service)],
        "volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}}],
    }
    scraped = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(REST),
        "prometheus.io/path": "/metrics",
        "seatrial/bundle": service.digest,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(service),
        "spec": {
            "replicas": service.replicas,
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": service.labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": service.told, "annotations": scraped}, "spec": pod},
        },
    }


def _service(service: Service) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(service),
        "spec": {
            "type": "ClusterIP",
            "selector": service.labels,
            "ports": [
                {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
                {"name": "grpc", "port": GRPC, "targetPort": "grpc", "protocol": "TCP"},
            ],
        },
    }


def _budget(service: Service) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta(service),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": service.labels}},
    }


def _autoscaler(service: Service) -> dict[str, Any]:
    used = {"type": "Utilization", "averageUtilization": 70}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _meta(service),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": service.name},
            "minReplicas": service.replicas,
            "maxReplicas": service.most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": used}}],
        },
    }
