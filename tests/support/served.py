"""A server over fake engines in the test's own event loop, and a client that can misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from seatrial.contract import Contract, TensorSpec
from seatrial.model import Artifact, ModelFile
from seatrial.serve.access.guard import Gate
from seatrial.serve.access.tls import Tls
from seatrial.serve.limits import Limits
from seatrial.serve.model import ServedModel, ServingOptions
from seatrial.serve.rest.front import RestFront
from seatrial.serve.server import Server
from seatrial.serve.service import InferenceService
from support.fake_session import FakeSession

X = TensorSpec("x", "float64", ("batch", 1), "NC")
Y = TensorSpec("y", "float64", ("batch", 1), "NC")


def artifact(*inputs: TensorSpec, **more: Any) -> Artifact:
    """A graph that doubles its input, of which nothing but the specs is real."""
    return Artifact(
        path=Path("double.onnx"),
        format="onnx",
        files=(ModelFile(Path("double.onnx"), "graph", 0),),
        digest="sha256:0",
        version="opset 17",
        inputs=inputs or (X,),
        outputs=(Y,),
        parameters=(),
        operators={},
        **more,
    )


def contract_for(*inputs: TensorSpec, **more: Any) -> Contract:
    """The plain contract of `artifact`."""
    return Contract(
        name="double", task=more.pop("task", "tensor"), inputs=inputs or (X,), outputs=(Y,), **more
    )


async def loaded(
    name: str = "double",
    version: str = "1",
    *,
    seconds: float = 0.0,
    whole: bool = False,
    factor: float = 2.0,
    **more: Any,
) -> tuple[ServedModel, list[FakeSession]]:
    """A model over fake engines, ready, and the engines in the order of their devices."""
    sessions: list[FakeSession] = []

    def opened() -> FakeSession:
        sessions.append(FakeSession(0.0, whole=whole, factor=factor))
        return sessions[-1]

    contract = more.pop("contract", None) or contract_for()
    model = ServedModel(
        name, version, artifact(*contract.inputs), contract, options=ServingOptions(**more), opens=opened
    )
    await model.load()
    sessions.sort(key=[each._session for each in model.batcher.devices].index)  # threads opened them
    for each in sessions:
        each.seconds = seconds  # the warm-up was quick
        each.batches.clear()
    return model, sessions


@dataclass
class Answer:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One connection, on which anything can be written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def ask(
        self, method: str, path: str, body: bytes | Any = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", "Host: test"]
        head += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if method == "POST":
            head.append(f"Content-Length: {len(raw)}")
        self.send("\r\n".join([*head, "", ""]).encode() + raw)

    async def answer(self) -> Answer:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)
        first, *lines = head.decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines if line)
        headers = {name.lower(): value for name, value in pairs}
        length = int(headers.get("content-length", 0))
        return Answer(int(first.split()[1]), headers, await self.reader.readexactly(length))

    async def closed(self) -> bool:
        """Whether the server ends the connection without another byte."""
        return await asyncio.wait_for(self.reader.read(1), 30) == b""


@dataclass
class Rest:
    """A server that listens."""

    service: InferenceService
    front: RestFront
    server: Server
    port: int

    async def line(self) -> Line:
        return Line(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, *args: Any, **more: Any) -> Answer:
        async with await self.line() as line:
            line.ask(*args, **more)
            return await line.answer()


@asynccontextmanager
async def rest(
    *models: ServedModel,
    limits: Limits | None = None,
    service: InferenceService | None = None,
    gate: Gate | None = None,
    tls: Tls | None = None,
) -> AsyncIterator[Rest]:
    """A server of these models on a port of its own."""
    service = service or InferenceService(threads=2, limits=limits)
    for each in models:
        service.repository.add(each)
    front = RestFront(service, limits=limits, gate=gate)
    server = Server(service, front, tls=tls)
    address = await server.start(port=0)
    try:
        yield Rest(service, front, server, int(address.rpartition(":")[2]))
    finally:
        await server.stop(grace=2)


def infer_body(*values: float, **more: Any) -> dict[str, Any]:
    """A request for `double` in JSON."""
    return {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [len(values), 1], "data": list(values)}],
        **more,
    }
