"""A pipeline over gRPC: asked, described and listed like a model."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
import numpy as np
import pytest

from seatrial.serve import v2
from seatrial.serve.flow.pipeline import ServedPipeline
from seatrial.serve.rpc.front import GrpcFront
from seatrial.serve.rpc.schema import schema
from seatrial.serve.service import InferenceService
from seatrial.serve.watching.instruments import Instruments
from support.flows import doubles, split
from support.served import loaded

__all__ = ["split"]  # the fixture
SCHEMA = schema("inference")


def caller(channel: Any) -> Callable[..., Awaitable[Any]]:
    async def call(method: str, **fields: Any) -> Any:
        request = SCHEMA.messages[f"{method}Request"](**fields)
        asked = channel.unary_unary(
            f"/{SCHEMA.service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=SCHEMA.messages[f"{method}Response"].FromString,
        )
        return await asked(request)

    return call


@pytest.mark.usefixtures("split")
async def test_it_is_a_model_like_others() -> None:
    model, _ = await loaded()
    service = InferenceService(threads=2)
    service.repository.add(model)
    service.pipelines["doubles"] = ServedPipeline("doubles", doubles(), service.repository)
    front = GrpcFront(service, Instruments(service))
    address = await front.start("127.0.0.1", 0)
    async with grpc.aio.insecure_channel(address) as channel:
        call = caller(channel)
        tensor = {"name": "request", "datatype": "BYTES", "shape": [1]}
        raw = v2.to_bytes(np.array([b"1 2"], dtype=object))
        answer = await call("ModelInfer", model_name="doubles", inputs=[tensor], raw_input_contents=[raw])
        assert json.loads(answer.raw_output_contents[0][4:]) == {"doubled": [[2], [4]]}
        assert (await call("ModelMetadata", name="doubles")).platform == "seatrial_pipeline"
        assert (await call("ModelConfig", name="doubles")).config.input[0].data_type
        assert (await call("ModelReady", name="doubles")).ready
        listed = (await call("RepositoryIndex")).models
        assert ("doubles", "READY") in [(each.name, each.state) for each in listed]
    await front.stop(0)
    await service.close()
