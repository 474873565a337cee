"""The official clients, as they are, behind one way to call them: HTTP and gRPC, waiting and awaited."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self

import numpy as np
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio

from support.v2_servers import Addresses

KINDS = ("http", "http-aio", "grpc", "grpc-aio")
_MODULES = {
    "http": tritonclient.http,
    "http-aio": tritonclient.http.aio,
    "grpc": tritonclient.grpc,
    "grpc-aio": tritonclient.grpc.aio,
}


class Client:
    """One client of one server.

    Args:
        kind: One of `KINDS`.
        server: Where to.
    """

    def __init__(self, kind: str, server: Addresses) -> None:
        self.kind, self.server = kind, server
        self.http = kind.startswith("http")
        self.module: Any = tritonclient.http if self.http else tritonclient.grpc
        self._aio = kind.endswith("aio")
        # A client that waits belongs to one thread: gevent's loop is the thread's own.
        self._thread = ThreadPoolExecutor(1)
        self.raw: Any = None

    async def __aenter__(self) -> Self:
        make = partial(_MODULES[self.kind].InferenceServerClient, self._url)
        self.raw = make() if self._aio else await self.away(make)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self("close")
        self._thread.shutdown()

    @property
    def _url(self) -> str:
        return self.server.http if self.http else self.server.grpc

    async def away(self, work: Any) -> Any:
        """Runs in the thread of the client."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def __call__(self, method: str, *args: Any, **more: Any) -> Any:
        """Calls a method of the client."""
        call = partial(getattr(self.raw, method), *args, **more)
        return await call() if self._aio else await self.away(call)

    async def told(self, method: str, *args: Any) -> Any:
        """What a method tells, as JSON has it whatever the protocol is."""
        if self.http:
            return await self(method, *args)
        return await self(method, *args, as_json=True)

    def tensors(self, **arrays: Any) -> list[Any]:
        """Inputs by name."""
        made = []
        for name, array in arrays.items():
            kind = tritonclient.utils.np_to_triton_dtype(array.dtype)
            tensor = self.module.InferInput(name, list(array.shape), kind)
            tensor.set_data_from_numpy(array)
            made.append(tensor)
        return made

    def wanted(self, *names: str) -> list[Any]:
        """Outputs by name."""
        return [self.module.InferRequestedOutput(each) for each in names]

    async def infer(self, model: str, arrays: dict[str, Any], **more: Any) -> Any:
        """Asks, and gives the client's own result."""
        return await self("infer", model, self.tensors(**arrays), **more)


def facts(result: Any) -> dict[str, Any]:
    """What an answer says beside its tensors."""
    answer = result.get_response()
    if isinstance(answer, dict):
        return {
            "id": answer.get("id", ""),
            "model": answer["model_name"],
            "version": answer["model_version"],
            "outputs": [each["name"] for each in answer["outputs"]],
        }
    return {
        "id": answer.id,
        "model": answer.model_name,
        "version": answer.model_version,
        "outputs": [each.name for each in answer.outputs],
    }


def x(*values: float, dtype: Any = np.float64) -> dict[str, Any]:
    """A column for `double` and `slow`."""
    return {"x": np.array(values, dtype).reshape(-1, 1)}
