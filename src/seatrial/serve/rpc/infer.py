"""Inference over gRPC: one message in, one message out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from seatrial.serve import v2
from seatrial.serve.call import Call
from seatrial.serve.flow.pipeline import ServedPipeline
from seatrial.serve.model import Outcome
from seatrial.serve.rpc import codec
from seatrial.serve.service import InferenceService


async def infer(service: InferenceService, message: Any, call: Call, left: float | None) -> Any:
    """Answers a `ModelInferRequest`; when the task is cancelled, what waits for a device is taken out.

    Args:
        service: Does the work.
        message: The request.
        call: Is told what it asks for and who answers.
        left: Seconds until the call's deadline; None: it has none.

    Raises:
        SeatrialError: It breaks the protocol, or the model cannot answer.
        TimeoutError: The deadline cannot be met.
    """
    model = service.model(message.model_name, message.model_version, call)
    request = codec.read_request(message, decode=not isinstance(model, ServedPipeline))
    v2.chosen(request, model.outputs)
    call.parameters = bounded(request.parameters, left)
    answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    cancel = service.infer(model, request.feeds, partial(_settle, answer), call)
    try:
        outcome = await answer
    except asyncio.CancelledError:
        cancel()
        raise
    if isinstance(outcome, BaseException):
        raise outcome
    return codec.write_answer(model.name, model.version, request, model.outputs, outcome)


def _settle(answer: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not answer.done():
        answer.set_result(outcome)


def bounded(parameters: Mapping[str, Any], left: float | None) -> Mapping[str, Any]:
    """The parameters with the `timeout` that comes first: the request's own, or what is left of the call's.

    Args:
        parameters: Of the request; a `timeout` that is no number is left for the service to refuse.
        left: Seconds.
    """
    if left is None:
        return parameters
    own = parameters.get("timeout") or 0
    micros = max(int(left * 1e6), 1)
    if type(own) is not int or 0 < own < micros:
        return parameters
    return {**parameters, "timeout": micros}
