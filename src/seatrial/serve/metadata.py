"""What a server and its models say about themselves, as the Open Inference Protocol v2 has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from seatrial import __version__
from seatrial.contract import TensorSpec
from seatrial.serve.model import ServedModel
from seatrial.serve.queueing import PRIORITIES
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


def model_config(model: ServedModel) -> dict[str, Any]:
    """Of one version of a model, as Triton's clients ask for it: what of its configuration there is here.

    `max_batch_size` is 0 where requests are not joined; else the dimensions come without the batch axis.
    """
    queue = model.batcher.queue.policy
    joins = queue.max_batch_size > 1
    told: dict[str, Any] = {
        "name": model.name,
        "platform": f"{model.runtime}_{model.artifact.format}",
        "backend": model.runtime,
        "max_batch_size": queue.max_batch_size if joins else 0,
        "input": [_configured(each, joins=joins) for each in model.inputs],
        "output": [_configured(each, joins=joins) for each in model.outputs],
        "parameters": {
            name: {"string_value": value if isinstance(value, str) else json.dumps(value)}
            for name, value in model_metadata(model, ())["parameters"].items()
        },
    }
    if joins:
        told["dynamic_batching"] = {
            "max_queue_delay_microseconds": round(queue.max_queue_delay * 1e6),
            "priority_levels": len(PRIORITIES),
            "default_priority_level": PRIORITIES.index("normal") + 1,
            "default_queue_policy": {"max_queue_size": queue.max_queue_size},
        }
    return told


def _configured(spec: TensorSpec, *, joins: bool) -> dict[str, Any]:
    tensor = _tensor(spec)
    kind = "STRING" if tensor["datatype"] == "BYTES" else tensor["datatype"]
    return {"name": spec.name, "data_type": f"TYPE_{kind}", "dims": tensor["shape"][joins:]}
