"""What a server says about itself over gRPC, and what it is told to load and unload."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from google.protobuf.json_format import ParseDict

from seatrial.errors import NotFound
from seatrial.serve import metadata
from seatrial.serve.call import Call
from seatrial.serve.rest.repository import check_parameters
from seatrial.serve.rpc.schema import schema
from seatrial.serve.service import InferenceService

Reply = Callable[[Any, Call], Awaitable[Any]]

_INFERENCE, _HEALTH = schema("inference"), schema("health")


class Replies:
    """Answers everything but inference; methods are named after those of the protocol.

    Args:
        service: Knows.
    """

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self.by_name: dict[str, Reply] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server,
            "ModelMetadata": self._model,
            "ModelConfig": self._config,
            "RepositoryIndex": self._index,
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
            "Check": self._check,
        }

    async def _live(self, _: Any, call: Call) -> Any:
        return _message("ServerLiveResponse", live=True)

    async def _ready(self, _: Any, call: Call) -> Any:
        return _message("ServerReadyResponse", ready=self._service.ready)

    async def _model_ready(self, request: Any, call: Call) -> Any:
        # A model that is not there is not ready: Triton says so too, and its client asks instead of catching.
        try:
            ready = self._service.find(request.name, request.version).ready
        except NotFound:
            ready = False
        return _message("ModelReadyResponse", ready=ready)

    async def _server(self, _: Any, call: Call) -> Any:
        return _message("ServerMetadataResponse", **metadata.server_metadata())

    async def _model(self, request: Any, call: Call) -> Any:
        told = self._service.describe(request.name, request.version)
        told.pop("parameters")  # the message has no place for them; ModelConfig has
        return _message("ModelMetadataResponse", **told)

    async def _config(self, request: Any, call: Call) -> Any:
        told = self._service.describe(request.name, request.version)
        return _message("ModelConfigResponse", config=metadata.configuration(told))

    async def _index(self, request: Any, call: Call) -> Any:
        listed = self._service.keeper.index(ready=request.ready)
        models = [
            {"name": each.name, "version": each.version, "state": each.state, "reason": each.reason}
            for each in listed
        ]
        return _message("RepositoryIndexResponse", models=models)

    async def _load(self, request: Any, call: Call) -> Any:
        check_parameters(dict(request.parameters))
        await self._kept(self._service.keeper.load(request.model_name))
        return _message("RepositoryModelLoadResponse")

    async def _unload(self, request: Any, call: Call) -> Any:
        check_parameters(dict(request.parameters))
        await self._kept(self._service.keeper.unload(request.model_name))
        return _message("RepositoryModelUnloadResponse")

    async def _kept(self, work: Coroutine[Any, Any, None]) -> None:
        """A load goes on although whoever asked for it went away."""
        await asyncio.shield(self._service.keeper.begin(work))

    async def _check(self, request: Any, call: Call) -> Any:
        if request.service not in ("", _INFERENCE.service):
            raise NotFound(f"there is no service '{request.service[:80]}'", hint=_INFERENCE.service)
        status = "SERVING" if self._service.ready else "NOT_SERVING"
        return _HEALTH.messages["HealthCheckResponse"](status=status)


def _message(kind: str, /, **fields: Any) -> Any:
    return ParseDict(fields, _INFERENCE.messages[kind]())
