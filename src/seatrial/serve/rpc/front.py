"""The gRPC front: calls come in, go to the inference service, and go out with a status of gRPC.

It lives in the event loop of the service, and every answer is counted and logged as those of REST are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio

from seatrial.errors import Unavailable
from seatrial.serve.access.guard import Gate
from seatrial.serve.limits import Limits, Room
from seatrial.serve.rpc.calls import admit, begun, decoded, ended, fail, metadata_of, turned_away, words_of
from seatrial.serve.rpc.door import Door
from seatrial.serve.rpc.infer import infer
from seatrial.serve.rpc.replies import Replies
from seatrial.serve.rpc.schema import Method, schema
from seatrial.serve.rpc.stream import streamed
from seatrial.serve.service import InferenceService
from seatrial.serve.status import Refusal, grpc_code_of
from seatrial.serve.watching.instruments import Instruments

_SCHEMAS = (schema("inference"), schema("health"))
_FRAME = 1 << 16  # bytes of a message beside its tensors: names, shapes, parameters
# Clients of models that answer more than once wait for the last answer; here each is the last.
_LAST = "triton_final_response"
_LAST_WORDS = 1.0  # seconds in which answers that are there are sent, and streams that lie idle end
_ROUTES = {
    "ModelInfer": "infer", "ModelStreamInfer": "infer", "RepositoryIndex": "repository",
    "RepositoryModelLoad": "repository", "RepositoryModelUnload": "repository",
}  # fmt: skip


class GrpcFront:
    """Answers gRPC calls.

    Args:
        service: Does the work.
        instruments: Told about every answer; fronts of one server share them.
        limits: What a client may take.
        credentials: Of the server, for TLS (see `rpc.tls`); None: plain text.
        gate: Says who may ask.
        room: For the bodies of all requests; fronts of one server share it.
    """

    def __init__(
        self,
        service: InferenceService,
        instruments: Instruments,
        *,
        limits: Limits | None = None,
        credentials: Any = None,
        gate: Gate | None = None,
        room: Room | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._gate, self._door = gate or Gate(), Door(room or Room(self.limits.memory))
        self._service, self._instruments = service, instruments
        self._credentials = credentials
        self._replies = Replies(service).by_name
        self._server: Any = None

    async def start(self, host: str = "127.0.0.1", port: int = 8001) -> str:
        """Listens, and returns the address; port 0 takes a free one.

        Raises:
            Unavailable: The address cannot be had.
        """
        server = grpc.aio.server(
            maximum_concurrent_rpcs=self.limits.connections,
            options=[
                ("grpc.max_receive_message_length", self.limits.body + _FRAME),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", self.limits.head),
                ("grpc.so_reuseport", 0),  # a second server on the port is an error, not half of the traffic
                ("grpc.max_connection_idle_ms", int(self.limits.idle * 1000)),
            ],
        )
        server.add_generic_rpc_handlers((_Handlers(self._handler),))
        name = f"[{host}]" if ":" in host else host
        try:
            if self._credentials is None:
                bound = server.add_insecure_port(f"{name}:{port}")
            else:
                bound = server.add_secure_port(f"{name}:{port}", self._credentials)
        except RuntimeError as error:
            raise Unavailable(
                f"cannot listen on {name}:{port} for gRPC",
                hint="take another --grpc-port, or stop what listens there",
            ) from error
        self._server = server
        await server.start()
        return f"{name}:{bound}"

    async def stop(self, grace: float) -> None:
        """Takes no more calls, and gives those under way so many seconds; a second one may hurry it."""
        if self._server is not None:
            await self._door.shut(grace)
            await self._server.stop(min(grace, _LAST_WORDS))

    def _handler(self, path: str, metadata: Any) -> Any:
        """What answers `/service/method`; None: nothing does."""
        method = _method(path)
        if method is None:
            return None
        refusal = turned_away(self._gate, method.name, metadata)
        if refusal is not None:
            # A stream whatever the method is: grpc reads the message of anything else before it asks us.
            return grpc.stream_stream_rpc_method_handler(partial(self._refuse, method, refusal))
        if method.streams:
            return grpc.stream_stream_rpc_method_handler(partial(self._stream, method))
        return grpc.unary_unary_rpc_method_handler(partial(self._unary, method))

    async def _refuse(self, method: Method, refusal: Refusal, _: AsyncIterator[bytes], context: Any) -> None:
        """Ends a call of which no message was read."""
        call = begun(context, _ROUTES.get(method.name, "other"), b"")
        await fail(context, call, refusal, self._instruments.answered)

    async def _unary(self, method: Method, raw: bytes, context: Any) -> bytes:
        """One request, one answer. Bytes are decoded here: grpc's own words for bad ones name nothing."""
        call = begun(context, _ROUTES.get(method.name, "other"), raw)
        try:
            message = decoded(method.request, raw)
            admit(self._gate, method.name, message, call)
            if method.name == "ModelInfer":
                with self._door.inside(raw):
                    reply = await infer(self._service, message, call, context.time_remaining())
            else:
                reply = await self._replies[method.name](message, call)
            body: bytes = reply.SerializeToString()
        except asyncio.CancelledError:
            self._instruments.answered(call, ended(context))
            raise
        except Exception as error:  # noqa: BLE001 - one call's bug must not end the others
            await fail(context, call, error, self._instruments.answered)
        context.set_trailing_metadata(tuple(metadata_of(call)))
        self._instruments.answered(call, "OK")
        return body

    async def _stream(
        self, method: Method, requests: AsyncIterator[bytes], context: Any
    ) -> AsyncIterator[bytes]:
        one = partial(self._one_of_stream, method, context)
        async for answer in streamed(requests, one, most=self.limits.pipelined):
            yield answer

    async def _one_of_stream(self, method: Method, context: Any, raw: bytes) -> bytes:
        """One request of a stream; an error is an answer too, and the stream goes on."""
        call = begun(context, _ROUTES[method.name], raw)
        reply = method.response()
        try:
            message = decoded(method.request, raw)
            reply.infer_response.id, reply.infer_response.model_name = message.id, message.model_name
            admit(self._gate, method.name, message, call)
            with self._door.inside(raw):
                answer = await infer(self._service, message, call, context.time_remaining())
            reply.infer_response.CopyFrom(answer)
            reply.infer_response.parameters[_LAST].bool_param = True
        except asyncio.CancelledError:
            self._instruments.answered(call, ended(context))
            raise
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
            reply.error_message = words_of(call, error)
            self._instruments.answered(call, grpc_code_of(error))
        else:
            self._instruments.answered(call, "OK")
        body: bytes = reply.SerializeToString()
        return body


def _method(path: str) -> Method | None:
    service, _, name = path.strip("/").rpartition("/")
    return next((each.methods.get(name) for each in _SCHEMAS if each.service == service), None)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
    """Tells grpc what answers a path."""

    def __init__(self, handler: Callable[[str, Any], Any]) -> None:
        self._handler = handler

    def service(self, handler_call_details: Any) -> Any:
        """Of a call that comes in."""
        return self._handler(handler_call_details.method, handler_call_details.invocation_metadata)
