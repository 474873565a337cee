"""What a server and its models say about themselves, as the Open Inference Protocol v2 has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial import __version__
from seatrial.contract import TensorSpec
from seatrial.serve.model import ServedModel
from seatrial.serve.v2 import datatype

EXTENSIONS = ("binary_tensor_data",)


def server_metadata() -> dict[str, Any]:
    """Of the server."""
    return {"name": "seatrial", "version": __version__, "extensions": list(EXTENSIONS)}


def model_metadata(model: ServedModel, versions: Sequence[str]) -> dict[str, Any]:
    """Of one version of a model; `parameters` says how it is batched and what was measured at load."""
    queue = model.batcher.queue.policy
    return {
        "name": model.name,
        "versions": list(versions),
        "platform": f"{model.runtime}_{model.artifact.format}",
        "inputs": [_tensor(each) for each in model.inputs],
        "outputs": [_tensor(each) for each in model.outputs],
        "parameters": {
            "version": model.version,
            "task": model.contract.task,
            "max_batch_size": queue.max_batch_size,
            "max_queue_delay_microseconds": round(queue.max_queue_delay * 1e6),
            "max_queue_size": queue.max_queue_size,
            "batching": model.choice.why,
            "profile_milliseconds": {
                str(size): round(seconds * 1e3, 3) for size, seconds in model.profile.seconds.items()
            },
            "artifact_digest": model.artifact.digest,
            "contract_digest": model.contract.digest(),
        },
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    shape = [each if isinstance(each, int) else -1 for each in spec.shape]
    return {"name": spec.name, "datatype": datatype(spec.dtype), "shape": shape}
