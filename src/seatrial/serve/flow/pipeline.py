"""A pipeline as it is served: under a name of its own, asked like a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import orjson

from seatrial.contract import Contract, TensorSpec
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation, Unavailable
from seatrial.serve.call import Call
from seatrial.serve.flow.check import check_flow
from seatrial.serve.flow.declaration import Flow
from seatrial.serve.flow.feed import BATCHES, LEAST, Feed
from seatrial.serve.flow.run import Answered, Asks, Cancel, FlowRun
from seatrial.serve.model import Outcome
from seatrial.serve.repository import Repository

PLATFORM = "seatrial_pipeline"
VERSION = "1"
_INPUT = TensorSpec("request", "string", (1,))
_OUTPUT = TensorSpec("answer", "string", (1,))


class ServedPipeline:
    """Models joined to one that has a name, metadata and readiness as a model has.

    Args:
        name: As clients say it.
        flow: As declared.
        repository: Where its models are.

    Raises:
        UsageError: A model is not there, or something else is taken than is given; names stage and key.
    """

    def __init__(self, name: str, flow: Flow, repository: Repository) -> None:
        self.name, self.version, self.flow = name, VERSION, flow
        self._repository = repository
        self.contract = Contract(
            name=flow.title or name,
            task="tensor",
            inputs=(_INPUT,),
            outputs=(_OUTPUT,),
            output_schema=flow.output_schema,
        )
        check_flow(flow, self._contract)
        self._feeds = {each: Feed(partial(self._at_once, *each)) for each in flow.models}
        self.under_way = 0

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `infer` takes: the bytes that a client would post."""
        return self.contract.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `infer` gives: the answer as JSON."""
        return self.contract.outputs

    @property
    def ready(self) -> bool:
        """Whether all its models answer."""
        return all(self._repository.model(*each).ready for each in self.flow.models)

    def predict(self, service: Asks, payload: Any, done: Answered, call: Call) -> Cancel:
        """What `InferenceService.predict` does for models.

        Raises:
            ContractViolation: The payload is not what the pipeline takes.
            Unavailable: Too many requests are under way.
            NotFound: One of its models is gone.
        """
        wanted = bytes if self.flow.takes == "file" else str
        if not isinstance(payload, wanted):
            takes = "a file" if wanted is bytes else "a text"
            raise ContractViolation(
                f"the pipeline '{self.name}' takes {takes}", hint=_EXAMPLES[self.flow.takes]
            )
        if self.under_way >= self.flow.most_requests:
            raise Unavailable(
                f"{self.under_way} requests are under way in '{self.name}'", hint="try again later"
            )
        call.payload = payload
        ending = _Ending(self, done)
        run = FlowRun(self.flow, service, self._feeds, payload=payload, done=ending.done, call=call)
        return partial(ending.cancelled, run)

    def infer(
        self, service: Asks, feeds: Mapping[str, Array], done: Callable[[Outcome], None], call: Call
    ) -> Cancel:
        """What `InferenceService.infer` does for models: the bytes of one request in, its answer in JSON out.

        Raises:
            ContractViolation: The tensor is not one element of bytes, or as `predict`.
            Unavailable: As `predict`.
        """
        return self.predict(service, self._payload(feeds), partial(_as_tensor, done), call)

    def metadata(self) -> dict[str, Any]:
        """As the Open Inference Protocol v2 has it; `parameters` says which models stand behind it."""
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": PLATFORM,
            "inputs": [{"name": _INPUT.name, "datatype": "BYTES", "shape": [1]}],
            "outputs": [{"name": _OUTPUT.name, "datatype": "BYTES", "shape": [1]}],
            "parameters": {
                "version": self.version,
                "takes": self.flow.takes,
                "most_items": self.flow.most_items,
                "most_requests": self.flow.most_requests,
                "stages": [
                    _told(each.name, each.model, each.version, each.joint)
                    for each in self.flow.stages.values()
                ],
            },
        }

    def _payload(self, feeds: Mapping[str, Array]) -> bytes | str:
        if set(feeds) != {_INPUT.name}:
            raise ContractViolation(
                f"the inputs are {', '.join(sorted(feeds))}", hint=f"there is one: '{_INPUT.name}'"
            )
        array = np.asarray(feeds[_INPUT.name])
        if array.dtype.kind not in "OUS" or array.size != 1:
            message = f"input '{_INPUT.name}' is of shape {list(array.shape)} and {array.dtype}"
            raise ContractViolation(message, hint="it is BYTES of shape [1]: one request")
        value = array.reshape(-1)[0]
        raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
        if self.flow.takes == "file":
            return raw
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ContractViolation(f"input '{_INPUT.name}' is no UTF-8: {error.reason}") from error

    def _contract(self, name: str, version: str) -> Contract:
        return self._repository.model(name, version).contract

    def _at_once(self, name: str, version: str) -> int:
        model = self._repository.model(name, version)
        policy = model.batcher.queue.policy
        return max(
            LEAST, min(BATCHES * policy.max_batch_size * model.options.devices, policy.max_queue_size // 2)
        )


class _Ending:
    """Counts a request from its beginning to its end, whatever that is."""

    def __init__(self, pipeline: ServedPipeline, done: Answered) -> None:
        self._pipeline, self._done = pipeline, done
        self._open = True
        pipeline.under_way += 1

    def done(self, outcome: Any) -> None:
        self._close()
        self._done(outcome)

    def cancelled(self, run: FlowRun) -> None:
        run.cancel()
        self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._pipeline.under_way -= 1


_EXAMPLES = {
    "file": "such as: curl -F file=@page.png",
    "text": """such as: curl --json '{"text": "..."}'""",
}


def _as_tensor(done: Callable[[Outcome], None], answer: Any) -> None:
    done(answer if isinstance(answer, BaseException) else [np.array([orjson.dumps(answer)], dtype=object)])


def _told(name: str, model: str, version: str, joint: Any) -> dict[str, str]:
    told = {"name": name, "model": model, "version": version, "joint": joint.name if joint else ""}
    return {key: each for key, each in told.items() if each}


def pipeline_line(name: str, flow: Flow) -> str:
    """What is served, for people."""
    return f"{name}: a pipeline, " + " -> ".join(flow.stages)
