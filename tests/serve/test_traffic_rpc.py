"""Routes and ladders over gRPC: metadata chooses, trailing metadata says who answered."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio

from seatrial.serve.rpc.schema import schema
from seatrial.serve.settings import Route, Rung
from support.rpc_served import Rpc, rpc
from support.sick import sickly

INFER = "/inference.GRPCInferenceService/ModelInfer"
MESSAGES = schema("inference").messages


async def ask(server: Rpc, **metadata: str) -> tuple[str, dict[str, Any]]:
    """The code of one answer and its trailing metadata."""
    message = MESSAGES["ModelInferRequest"](model_name="double")
    message.inputs.add(name="x", datatype="FP64", shape=[1, 1]).contents.fp64_contents.append(4.0)
    sent = tuple((name.replace("_", "-"), value) for name, value in metadata.items())
    async with grpc.aio.insecure_channel(server.address) as channel:
        call = channel.unary_unary(INFER)(message.SerializeToString(), metadata=sent)
        code = await call.code()
        return code.name, dict(await call.trailing_metadata())


async def test_metadata_chooses_a_version() -> None:
    (one, _), (two, _) = await sickly(version="1"), await sickly(version="2")
    async with rpc(one, two) as server:
        server.service.traffic.set_route("double", Route(weights={"1": 1}, headers={"X-Canary: yes": "2"}))
        assert (await ask(server))[1]["x-seatrial-version"] == "1"
        assert (await ask(server, x_canary="yes"))[1]["x-seatrial-version"] == "2"


async def test_trailing_metadata_names_the_rung() -> None:
    model, engines = await sickly()
    small, others = await sickly("small")
    async with rpc(model, small) as server:
        server.service.traffic.set_ladder("double", [Rung(model="small"), Rung(error="at noon")])
        code, told = await ask(server)
        assert (code, "x-seatrial-degraded" in told) == ("OK", False)
        await engines.take_away()
        code, told = await ask(server)
        assert (code, told["x-seatrial-degraded"]) == ("OK", "model small")
        await others.take_away()
        code, told = await ask(server)
        assert (code, told["x-seatrial-degraded"]) == ("UNAVAILABLE", "error")
