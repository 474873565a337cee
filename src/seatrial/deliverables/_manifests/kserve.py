"""KServe: a ServingRuntime that serves bundles, and the InferenceService of this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.deliverables._manifests.kubernetes import container
from seatrial.deliverables._manifests.service import REST, Service

MOUNTED = "/mnt/models"  # where KServe puts what `storageUri` names


def kserve(service: Service, storage: str) -> dict[str, Mapping[str, Any]]:
    """The two objects by file name.

    Args:
        service: What is known of it; its image is the server.
        storage: Where KServe finds the bundle: `pvc://...`, `oci://...`, `s3://...`.
    """
    runtime = f"{service.name}-runtime"
    server = {**container(service), "name": "kserve-container"}  # the name that KServe looks for
    server["command"] = ["/opt/seatrial/bin/seatrial"]  # not the image's entry point, which serves its own
    server["args"] = ["serve", f"{service.name}={MOUNTED}", "--host", "0.0.0.0", "--port", str(REST)]  # noqa: S104 - in its pod
    labels = {"labels": service.told}
    return {
        "serving-runtime.yaml": {
            "apiVersion": "serving.kserve.io/v1alpha1",
            "kind": "ServingRuntime",
            "metadata": {"name": runtime, **labels},
            "spec": {
                "supportedModelFormats": [{"name": "seatrial", "version": "1", "autoSelect": True}],
                "protocolVersions": ["v2", "grpc-v2"],
                "containers": [server],
                "volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}}],
            },
        },
        "inference-service.yaml": {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {
                "name": service.name,
                **labels,
                "annotations": {"seatrial/bundle": service.digest},
            },
            "spec": {
                "predictor": {
                    "minReplicas": service.replicas,
                    "maxReplicas": service.most,
                    "model": {
                        "modelFormat": {"name": "seatrial", "version": "1"},
                        "runtime": runtime,
                        "protocolVersion": "v2",
                        "storageUri": storage,
                    },
                }
            },
        },
    }
