"""What a server and its models say about themselves, as the Open Inference Protocol v2 has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seatrial import __version__
from seatrial.contract import TensorSpec
from seatrial.serve.batching.queueing import PRIORITIES
from seatrial.serve.model import ServedModel
from seatrial.serve.v2 import datatype

EXTENSIONS = ("binary_tensor_data", "model_repository", "model_configuration")


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


def configuration(told: Mapping[str, Any]) -> dict[str, Any]:
    """What of Triton's model configuration there is here, from the metadata of a model or pipeline.

    `max_batch_size` is 0 where requests are not joined; else the dimensions come without the batch axis.
    """
    parameters = told["parameters"]
    rows = parameters.get("max_batch_size", 1)
    joins = rows > 1
    config: dict[str, Any] = {
        "name": told["name"],
        "platform": told["platform"],
        "backend": told["platform"].partition("_")[0],
        "max_batch_size": rows if joins else 0,
        "input": [_configured(each, joins=joins) for each in told["inputs"]],
        "output": [_configured(each, joins=joins) for each in told["outputs"]],
        "parameters": {
            name: {"string_value": value if isinstance(value, str) else json.dumps(value)}
            for name, value in parameters.items()
        },
    }
    if joins:
        config["dynamic_batching"] = {
            "max_queue_delay_microseconds": parameters["max_queue_delay_microseconds"],
            "priority_levels": len(PRIORITIES),
            "default_priority_level": PRIORITIES.index("normal") + 1,
            "default_queue_policy": {"max_queue_size": parameters["max_queue_size"]},
        }
    return config


def _configured(tensor: Mapping[str, Any], *, joins: bool) -> dict[str, Any]:
    kind = "STRING" if tensor["datatype"] == "BYTES" else tensor["datatype"]
    return {"name": tensor["name"], "data_type": f"TYPE_{kind}", "dims": tensor["shape"][joins:]}
