"""What every gRPC call has: who asks, how it ends, what goes back beside the answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError

from seatrial.errors import SeatrialError
from seatrial.serve.access.guard import API_KEY, AUTHORIZATION, Asked, Gate
from seatrial.serve.call import Call, headers_of
from seatrial.serve.status import Refusal, grpc_code_of, told

# What a key must allow, by method; what is not here is for those that manage the server.
_RIGHTS = {
    "ServerLive": "health", "ServerReady": "health", "Check": "health", "ModelReady": "metadata",
    "ServerMetadata": "metadata", "ModelMetadata": "metadata", "ModelConfig": "metadata",
    "ModelInfer": "infer", "ModelStreamInfer": "infer",
}  # fmt: skip

Answered = Callable[[Call, str], None]

# gRFC A6: milliseconds after which a client that retries may come again.
_PUSHBACK = ("grpc-retry-pushback-ms", "1000")
_LONGEST_MESSAGE = 2000  # bytes; metadata has a limit on the client's side

_log = logging.getLogger("seatrial.serve")


def begun(context: Any, route: str, raw: bytes) -> Call:
    """The call that travels with a request.

    Args:
        context: grpc's, of the call.
        route: What is asked for.
        raw: The message as it came.
    """
    now = time.monotonic()
    call = Call(began=now, complete=now, route=route, body=raw)
    call.identify(_headers(context.invocation_metadata()))
    shown = context.auth_context().get("x509_common_name")  # of the client's certificate (mTLS)
    call.client = shown[0].decode("utf-8", "replace")[:200] if shown else address_of(context.peer())
    return call


def _headers(metadata: Any) -> dict[bytes, bytes]:
    return {
        name.encode(): value.encode("utf-8", "replace") if isinstance(value, str) else value
        for name, value in metadata or ()
    }


def turned_away(gate: Gate, method: str, metadata: Any) -> Refusal | None:
    """Why a call may not even send its message, whatever model it is about; None: it may.

    Args:
        gate: Says who may ask.
        method: Its name.
        metadata: grpc's, of the call.
    """
    if gate.closed:
        try:
            gate.admit(Asked(_RIGHTS.get(method, "manage")), _headers(metadata))
        except Refusal as refusal:
            return refusal
    return None


def admit(gate: Gate, method: str, message: Any, call: Call) -> None:
    """Leads a call through the gate; the key goes no further.

    Args:
        gate: Says who may ask.
        method: Its name.
        message: Says which model it is about.
        call: Is told who asks.

    Raises:
        Refusal: It may not pass.
    """
    if not gate.closed:
        return
    model = getattr(message, "model_name", "") or getattr(message, "name", "")
    name = gate.admit(Asked(_RIGHTS.get(method, "manage"), model), call.headers)
    call.client = name or call.client
    call.headers = {k: v for k, v in call.headers.items() if k not in (AUTHORIZATION, API_KEY)}


def address_of(peer: str) -> str:
    """A client's address as REST has it, from grpc's `ipv4:127.0.0.1:1234` or `ipv6:%5B::1%5D:1234`."""
    kind, _, rest = peer.partition(":")
    return unquote(rest.rpartition(":")[0]).strip("[]") if kind in ("ipv4", "ipv6") else peer


def decoded(kind: Any, raw: bytes) -> Any:
    """A message from its bytes.

    Raises:
        Refusal: They are none.
    """
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise Refusal("malformed", f"the bytes are no {kind.DESCRIPTOR.name}") from error


def metadata_of(call: Call) -> list[tuple[str, str]]:
    """What goes back beside the answer."""
    return [(name.lower(), value) for name, value in headers_of(call)]


def words_of(call: Call, error: BaseException) -> str:
    """What the client is told about an error; what is a bug goes to the log instead."""
    if not isinstance(error, SeatrialError | TimeoutError):
        _log.error("gRPC %s failed", call.route, exc_info=error)
    message = told(error)
    call.error = message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + "..."
    return call.error


async def fail(context: Any, call: Call, error: BaseException, answered: Answered) -> None:
    """Ends a call with an error's status and words; does not return.

    Args:
        context: grpc's, of the call.
        call: Of the request.
        error: What went wrong.
        answered: Told the call and its status.
    """
    code, words, metadata = grpc_code_of(error), words_of(call, error), metadata_of(call)
    answered(call, code)
    if code == "UNAVAILABLE":
        metadata.append(_PUSHBACK)
    await context.abort(grpc.StatusCode[code], words, tuple(metadata))


def ended(context: Any) -> str:
    """The status of a call that was cancelled: its deadline passed, or its client went away."""
    left = context.time_remaining()
    return "CANCELLED" if left is None or left > 0 else "DEADLINE_EXCEEDED"
