"""A client for any server of the Open Inference Protocol v2, and for the predict endpoint of this one.

    with Client("http://127.0.0.1:8000") as server:
        answer = server.infer("digits", {"image": image})   # arrays in, arrays out, as raw bytes
        server.predict("digits", Path("x.png"))             # what people have in, the contract's answer out

`AsyncClient` has the same methods to be awaited. A request is tried again when the server is busy or the
connection breaks: inference changes nothing, so that asking twice is safe. All tries together keep to the
deadline, and the server is told how much of it is left.
"""

from __future__ import annotations

import asyncio
import mimetypes
import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import orjson

from seatrial import lazy
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation, NotFound, SeatrialError, TrustError, Unavailable, UsageError
from seatrial.serve import v2

FIRST_PAUSE = 0.1  # seconds before the second try; doubles, and a random part of it is waited
LONGEST_PAUSE = 5.0
_AGAIN = (429, 502, 503)

Payload = Path | bytes | str | Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a model answered.

    Attributes:
        outputs: Arrays by output name.
        model: Who answered.
        version: Which version of it.
        log_id: Under which the server's log has this request.
        degraded: The rung that answered instead of the model; empty: the model itself.
    """

    outputs: Mapping[str, Array]
    model: str = ""
    version: str = ""
    log_id: str = ""
    degraded: str = ""


@dataclass(frozen=True)
class Options:
    """How a client asks.

    Attributes:
        timeout: Seconds that one question may take, with all its tries; also the server's deadline.
        retries: Further tries after the first.
        key: API key, sent as `Authorization: Bearer`; never logged.
        headers: Sent with every request.
    """

    timeout: float = 30.0
    retries: int = 2
    key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    left: float = 30.0


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


# A question without a socket: it yields requests to send and seconds to wait, is sent replies and errors,
# and returns what came of it. The two clients differ only in who does the sending and the waiting.
_Question = Generator[_Request | float, _Reply | Exception | None, _Reply]
_Make = Callable[[float], _Request]  # the request, given the seconds that are left


class _Asker:
    """What both clients know: how to put a question, and how to read an answer."""

    def __init__(
        self,
        options: Options,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.options = options
        self._clock, self._draw = clock, draw

    def ask(self, make: _Make, *, deadline: float | None, retries: int | None) -> _Question:
        """Tries until there is an answer, the tries are used up, or the deadline has come."""
        until = self._clock() + (self.options.timeout if deadline is None else deadline)
        pause = FIRST_PAUSE
        tries = self.options.retries if retries is None else retries
        for remaining in range(tries, -1, -1):
            left = until - self._clock()
            if left <= 0:
                break
            got = yield make(left)
            if isinstance(got, _Reply) and (got.status not in _AGAIN or not remaining):
                return _checked(got)
            if isinstance(got, Exception) and not remaining:
                raise Unavailable(f"the server does not answer: {got}", hint="is it running?") from got
            wait = max(pause * self._draw(), _retry_after(got) if isinstance(got, _Reply) else 0.0)
            if self._clock() + wait >= until:
                break
            yield wait
            pause = min(2 * pause, LONGEST_PAUSE)
        raise TimeoutError("the deadline passed before the server answered")

    def infer(
        self, model: str, inputs: Mapping[str, Array], version: str, outputs: Sequence[str], priority: int
    ) -> _Make:
        """Tensors as raw bytes; the seconds that are left go along as `timeout`."""

        def make(left: float) -> _Request:
            parameters: dict[str, Any] = {"timeout": max(1, round(left * 1e6))}
            if priority:
                parameters["priority"] = priority
            body, length = v2.write_request(inputs, outputs, parameters)
            headers = {v2.HEADER_LENGTH_NAME: str(length), "Content-Type": "application/octet-stream"}
            return self._request("POST", f"{_path(model, version)}/infer", body, headers, left)

        return make

    def predict(self, model: str, payload: Payload, version: str) -> _Make:
        """What people have, in the form that it has."""
        kind, body = _form_of(payload)
        path = f"/v1/models/{quote(model, safe='')}/predict"
        path += f"?version={quote(version, safe='')}" if version else ""
        return lambda left: self._request("POST", path, body, {"Content-Type": kind}, left)

    def get(self, path: str) -> _Make:
        """A plain question."""
        return lambda left: self._request("GET", path, b"", {}, left)

    def _request(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], left: float
    ) -> _Request:
        own = dict(self.options.headers)
        if self.options.key:
            own["Authorization"] = f"Bearer {self.options.key}"
        return _Request(method, path, body, {**own, **headers}, left)


class Client:
    """Asks a server, and waits.

    Args:
        url: Such as `http://127.0.0.1:8000`.
        options: How to ask.
        transport: Of httpx, for tests and for TLS with a client's certificate.

    Raises:
        UsageError: The address is none.
        MissingDependency: The client needs `seatrial[client]`.
    """

    def __init__(self, url: str, options: Options | None = None, *, transport: Any = None) -> None:
        self._asker = _Asker(options or Options())
        self._httpx = lazy.load("httpx", extra="client")
        self._http = self._httpx.Client(base_url=_base(url), transport=transport, follow_redirects=False)

    def ready(self, model: str = "", *, version: str = "") -> bool:
        """Whether the server, or one model, answers."""
        try:
            self._answered(self._asker.get(_ready_path(model, version)), retries=0)
        except Unavailable:
            return False
        return True

    def metadata(self, model: str = "", *, version: str = "") -> dict[str, Any]:
        """What the server, or one model, says about itself."""
        path = _path(model, version) if model else "/v2"
        return _object(self._answered(self._asker.get(path)))

    def infer(
        self,
        model: str,
        inputs: Mapping[str, Array],
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        priority: int = 0,
        deadline: float | None = None,
    ) -> Answer:
        """Tensors in, tensors out.

        Args:
            model: Its name.
            inputs: Arrays by input name, batch axis first.
            version: Empty: the server chooses.
            outputs: Names of those wanted; empty: all.
            priority: 1 goes before the others; 0 is the server's default.
            deadline: Seconds from now; None: the client's timeout.

        Raises:
            ContractViolation: The server refuses the tensors; its message names the field.
            NotFound: There is no such model.
            TrustError: The key is not taken.
            Unavailable: The server is busy or gone after all tries.
            TimeoutError: The deadline passed.
        """
        make = self._asker.infer(model, inputs, version, outputs, priority)
        return _answer(self._answered(make, deadline=deadline))

    def predict(
        self, model: str, payload: Payload, *, version: str = "", deadline: float | None = None
    ) -> Any:
        """A file, its bytes, a text or a JSON body in; the contract's answer out.

        Raises:
            SeatrialError: As `infer`.
            TimeoutError: The deadline passed.
        """
        return _value(self._answered(self._asker.predict(model, payload, version), deadline=deadline))

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answered(self, make: _Make, *, deadline: float | None = None, retries: int | None = None) -> _Reply:
        question = self._asker.ask(make, deadline=deadline, retries=retries)
        got: _Reply | Exception | None = None
        while True:
            try:
                todo = question.send(got)
            except StopIteration as end:
                done: _Reply = end.value
                return done
            if isinstance(todo, _Request):
                got = self._sent(todo)
            else:
                time.sleep(todo)
                got = None

    def _sent(self, todo: _Request) -> _Reply | Exception:
        try:
            reply = self._http.request(
                todo.method, todo.path, content=todo.body, headers=todo.headers, timeout=todo.left
            )
        except self._httpx.TransportError as error:
            failure: Exception = error
            return failure
        return _Reply(reply.status_code, reply.headers, reply.content)


class AsyncClient:
    """As `Client`, to be awaited; one client serves any number of tasks of one event loop."""

    def __init__(self, url: str, options: Options | None = None, *, transport: Any = None) -> None:
        self._asker = _Asker(options or Options())
        self._httpx = lazy.load("httpx", extra="client")
        self._http = self._httpx.AsyncClient(base_url=_base(url), transport=transport, follow_redirects=False)

    async def ready(self, model: str = "", *, version: str = "") -> bool:
        """As `Client.ready`."""
        try:
            await self._answered(self._asker.get(_ready_path(model, version)), retries=0)
        except Unavailable:
            return False
        return True

    async def metadata(self, model: str = "", *, version: str = "") -> dict[str, Any]:
        """As `Client.metadata`."""
        path = _path(model, version) if model else "/v2"
        return _object(await self._answered(self._asker.get(path)))

    async def infer(
        self,
        model: str,
        inputs: Mapping[str, Array],
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        priority: int = 0,
        deadline: float | None = None,
    ) -> Answer:
        """As `Client.infer`."""
        make = self._asker.infer(model, inputs, version, outputs, priority)
        return _answer(await self._answered(make, deadline=deadline))

    async def predict(
        self, model: str, payload: Payload, *, version: str = "", deadline: float | None = None
    ) -> Any:
        """As `Client.predict`."""
        return _value(await self._answered(self._asker.predict(model, payload, version), deadline=deadline))

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _answered(
        self, make: _Make, *, deadline: float | None = None, retries: int | None = None
    ) -> _Reply:
        question = self._asker.ask(make, deadline=deadline, retries=retries)
        got: _Reply | Exception | None = None
        while True:
            try:
                todo = question.send(got)
            except StopIteration as end:
                done: _Reply = end.value
                return done
            if isinstance(todo, _Request):
                got = await self._sent(todo)
            else:
                await asyncio.sleep(todo)
                got = None

    async def _sent(self, todo: _Request) -> _Reply | Exception:
        try:
            reply = await self._http.request(
                todo.method, todo.path, content=todo.body, headers=todo.headers, timeout=todo.left
            )
        except self._httpx.TransportError as error:
            failure: Exception = error
            return failure
        return _Reply(reply.status_code, reply.headers, reply.content)


def _base(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"'{url}' is no address", hint="such as http://127.0.0.1:8000")
    return url.rstrip("/")


def _path(model: str, version: str) -> str:
    path = f"/v2/models/{quote(model, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _ready_path(model: str, version: str) -> str:
    return f"{_path(model, version)}/ready" if model else "/v2/health/ready"


def _retry_after(reply: _Reply) -> float:
    """Seconds that the server asks to wait; a date is not waited for."""
    try:
        return max(0.0, float(reply.headers.get("retry-after", 0)))
    except ValueError:
        return 0.0


def _checked(reply: _Reply) -> _Reply:
    """The reply, unless it is an error.

    Raises:
        SeatrialError: The server refused; its own words.
        TimeoutError: It says that the deadline passed.
    """
    if reply.status < 400:
        return reply
    message = f"the server says: {_told(reply.body)} (HTTP {reply.status})"
    if reply.status in (408, 504):
        raise TimeoutError(message)
    families: dict[int, type[SeatrialError]] = {401: TrustError, 403: TrustError, 404: NotFound}
    family = families.get(reply.status) or (Unavailable if reply.status in _AGAIN else None)
    raise (family or (ContractViolation if reply.status < 500 else Unavailable))(message)


def _told(body: bytes) -> str:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[:200].decode("utf-8", "replace")
    return str(data["error"] if isinstance(data, dict) and "error" in data else data)[:2000]


def _value(reply: _Reply) -> Any:
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError as error:
        raise Unavailable(f"the server's answer is no JSON: {error}") from error


def _object(reply: _Reply) -> dict[str, Any]:
    value = _value(reply)
    if not isinstance(value, dict):
        raise Unavailable("the server's answer is no JSON object")
    return value


def _answer(reply: _Reply) -> Answer:
    length = reply.headers.get(v2.HEADER_LENGTH_NAME.lower())
    try:
        told, outputs = v2.read_answer(reply.body, int(length) if length else None)
    except (ContractViolation, ValueError) as error:
        raise Unavailable(f"the server's answer breaks the protocol: {error}") from error
    return Answer(
        outputs,
        str(told.get("model_name", "")),
        str(told.get("model_version", "")),
        reply.headers.get("x-log-id", ""),
        reply.headers.get("x-seatrial-degraded", ""),
    )


def _form_of(payload: Payload) -> tuple[str, bytes]:
    if isinstance(payload, Path):
        try:
            raw = payload.read_bytes()
        except OSError as error:
            raise UsageError(f"{payload}: {error.strerror}", hint="name a file that can be read") from error
        return mimetypes.guess_type(payload.name)[0] or "application/octet-stream", raw
    if isinstance(payload, bytes):
        return "application/octet-stream", payload
    if isinstance(payload, str):
        return "application/json", orjson.dumps({"text": payload})
    return "application/json", orjson.dumps(payload, option=orjson.OPT_SERIALIZE_NUMPY)
