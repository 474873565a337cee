"""A gRPC front over fake engines in the test's own event loop, with the official client beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio

from seatrial.serve.access.guard import Gate
from seatrial.serve.limits import Limits
from seatrial.serve.model import ServedModel
from seatrial.serve.rpc.front import GrpcFront
from seatrial.serve.service import InferenceService
from seatrial.serve.watching.instruments import Instruments


@dataclass
class Rpc:
    """A server that listens, and a client."""

    service: InferenceService
    instruments: Instruments
    front: GrpcFront
    address: str
    client: Any

    async def double(self, *values: float, name: str = "double", **more: Any) -> list[float]:
        """What the model answers."""
        answer = await self.client.infer(name, [column(*values)], **more)
        return list(answer.as_numpy("y").ravel())


@asynccontextmanager
async def rpc(
    *models: ServedModel, limits: Limits | None = None, gate: Gate | None = None
) -> AsyncIterator[Rpc]:
    """A gRPC server of these models on a port of its own."""
    service = InferenceService(threads=1)
    for each in models:
        service.repository.add(each)
    instruments = Instruments(service)
    front = GrpcFront(service, instruments, limits=limits, gate=gate)
    address = await front.start(port=0)
    try:
        async with triton_aio.InferenceServerClient(address) as client:
            yield Rpc(service, instruments, front, address, client)
    finally:
        await front.stop(1)
        await service.close()


def column(*values: float) -> triton.InferInput:
    """`x` of the doubling model, a row for each value."""
    tensor = triton.InferInput("x", [len(values), 1], "FP64")
    tensor.set_data_from_numpy(np.array(values, np.float64).reshape(-1, 1))
    return tensor
