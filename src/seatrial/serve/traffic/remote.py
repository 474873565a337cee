"""Asks a model on another server: Open Inference Protocol v2 over REST, tensors raw."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httptools
import numpy as np
import orjson

from seatrial.contract import TensorSpec
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation, Unavailable, UsageError
from seatrial.serve import v2
from seatrial.serve.call import Call
from seatrial.serve.settings import Remote
from seatrial.serve.status import OK, servers_fault

HOP_NAME = "X-Seatrial-Hop"  # on requests that one server sends to another: the other one keeps them
HOP = HOP_NAME.lower().encode()
MOST = 64  # requests that may be under way
KEPT = 8  # connections that are kept open
LARGEST = 256 << 20  # bytes of an answer
FIRST_REST = 0.5  # seconds that a server which failed is left alone; doubles each time
LONGEST_REST = 10.0
_PORTS = {"http": 80, "https": 443}

_log = logging.getLogger("seatrial.serve")

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Entry:
    """What lets this server in elsewhere.

    Attributes:
        key: That the other one wants; empty: none.
        context: For TLS; None: the system's.
    """

    key: str = field(default="", repr=False)
    context: ssl.SSLContext | None = None


def origin(url: str) -> str:
    """`https://HOST:PORT` of a URL, the port always said."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or _PORTS[parts.scheme]}"


def entries_of(remotes: Mapping[str, Remote]) -> dict[str, Entry]:
    """What the settings say of servers elsewhere, by `origin`.

    Raises:
        UsageError: A file cannot be read, or holds no key or no certificate.
    """
    return {origin(url): _entry(f"remotes.{url}", each) for url, each in remotes.items()}


def _entry(place: str, remote: Remote) -> Entry:
    try:
        key = remote.key.read_text("ascii").partition("\n")[0].strip() if remote.key else ""
        context = ssl.create_default_context(cafile=remote.authority) if remote.authority else None
    except (OSError, ValueError) as error:
        raise UsageError(f"{place}: {error}", hint="key and authority are files of text") from error
    if remote.key and not (key.isprintable() and key and " " not in key):
        raise UsageError(
            f"{place}: {remote.key} holds no key", hint="its first line is the key, nothing else"
        )
    return Entry(key, context)


class RemoteModel:
    """A model on a server elsewhere.

    Args:
        url: Of the server, or of the model there (`.../v2/models/NAME`).
        seconds: That it has to answer.
        entry: What lets this server in.
    """

    def __init__(self, url: str, *, seconds: float, entry: Entry = Entry()) -> None:
        parts = urlsplit(url)
        self._host, self._tls, self._entry = parts.hostname or "", parts.scheme == "https", entry
        self._port = parts.port or _PORTS[parts.scheme]
        self._authority, self._path = parts.netloc, parts.path.rstrip("/")
        self._seconds = seconds
        self._idle: list[Connection] = []
        self._under_way = 0
        self._rest, self._until = FIRST_REST, -math.inf
        self._closed = False

    @property
    def open(self) -> bool:
        """Whether it may be asked now: it did not just fail, and not too many wait for it."""
        return self._under_way < MOST and asyncio.get_running_loop().time() >= self._until

    async def infer(
        self,
        name: str,
        specs: Sequence[TensorSpec],
        feeds: Mapping[str, Array],
        call: Call,
        *,
        seconds: float | None = None,
    ) -> list[Array]:
        """Asks it.

        Args:
            name: Of the model, where the URL does not say it.
            specs: Of the outputs that are expected, by place.
            feeds: Arrays by input name.
            call: Its log id and trace go along.
            seconds: That are left; None: no deadline.

        Raises:
            Unavailable: It did not answer in time, or not with outputs.
            ContractViolation: It answered with other outputs than are expected.
        """
        limit = self._seconds if seconds is None else min(self._seconds, seconds)
        self._under_way += 1
        try:
            async with asyncio.timeout(limit):
                status, headers, body = await self._post(*self._request(name, feeds, call, limit))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, httptools.HttpParserError) as error:
            why = str(error) or type(error).__name__
            if limit == self._seconds or not isinstance(error, TimeoutError):  # else the client had no time
                self._failed(why)
            raise Unavailable(f"the remote server did not answer within {limit:.3g} s: {why}") from error
        finally:
            self._under_way -= 1
        if status != OK:
            if servers_fault(status):
                self._failed(f"it answered {status}")
            raise Unavailable(f"the remote server answered {status}: {_shown(body)}")
        self._rest = FIRST_REST
        return read_answer(body, headers.get(v2.HEADER_LENGTH), specs)

    def close(self) -> None:
        """Ends the connections that are kept, and keeps none from now on."""
        self._closed = True
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    def _failed(self, why: str) -> None:
        _log.warning("%s is left alone for %g s: %s", self._authority, self._rest, why)
        self._until = asyncio.get_running_loop().time() + self._rest
        self._rest = min(2 * self._rest, LONGEST_REST)

    def _request(
        self, name: str, feeds: Mapping[str, Array], call: Call, limit: float
    ) -> tuple[bytes, list[bytes]]:
        body, length = write_request(feeds, {"timeout": max(1, int(limit * 1e6))})
        path = self._path if "/v2/models/" in self._path else f"{self._path}/v2/models/{quote(name, safe='')}"
        lines = [
            f"POST {path}/infer HTTP/1.1",
            f"Host: {self._authority}",
            "Content-Type: application/octet-stream",
            f"{v2.HEADER_LENGTH_NAME}: {length}",
            f"Content-Length: {sum(map(len, body))}",
            f"{HOP_NAME}: 1",
        ]
        lines += [f"Authorization: Bearer {self._entry.key}"] if self._entry.key else []
        lines += [f"X-Log-Id: {call.log_id}"] if call.log_id else []
        lines += [f"traceparent: {call.traceparent}"] if call.traceparent else []
        return "\r\n".join([*lines, "", ""]).encode(), body

    async def _post(self, head: bytes, body: list[bytes]) -> tuple[int, Mapping[bytes, bytes], bytes]:
        while True:
            kept = bool(self._idle)
            reader, writer = self._idle.pop() if kept else await self._connect()
            done = False
            answer = _Answer()
            try:
                writer.writelines([head, *body])
                await writer.drain()
                await answer.read(reader)
                done = answer.keeps and len(self._idle) < KEPT and not self._closed
            except (OSError, asyncio.IncompleteReadError):
                # A connection that lay idle may have been ended by the other side: nothing was asked yet.
                if not kept or answer.begun:
                    raise
                continue
            finally:
                if done:
                    self._idle.append((reader, writer))
                else:
                    writer.close()
            return answer.status, answer.headers, bytes(answer.body)

    async def _connect(self) -> Connection:
        context = (self._entry.context or ssl.create_default_context()) if self._tls else None
        return await asyncio.open_connection(self._host, self._port, ssl=context)


class _Answer:
    """One HTTP answer as it comes; the methods are httptools' calls."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.headers: dict[bytes, bytes] = {}
        self.body = bytearray()
        self.status = 0
        self.begun = self._complete = self.keeps = False

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Reads all of it.

        Raises:
            IncompleteReadError: It ends too early.
            HttpParserError: It is no HTTP, or too large.
        """
        while not self._complete:
            data = await reader.read(1 << 18)
            if not data:
                raise asyncio.IncompleteReadError(bytes(self.body[:0]), None)
            self.begun = True
            self._parser.feed_data(data)
            if len(self.body) > LARGEST:
                raise httptools.HttpParserError(f"more than {LARGEST} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """All headers."""
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """The end."""
        self._complete, self.keeps = True, self._parser.should_keep_alive()


def write_request(feeds: Mapping[str, Array], parameters: Mapping[str, Any]) -> tuple[list[bytes], int]:
    """A v2 request with raw tensors, as parts to send one after the other, and the length of its JSON."""
    told, tail = [], []
    for name, array in feeds.items():
        raw = v2.to_bytes(array)
        kind = v2.datatype("string" if array.dtype.kind in "OUS" else array.dtype.name)
        own = {"binary_data_size": len(raw)}
        told.append({"name": name, "datatype": kind, "shape": array.shape, "parameters": own})
        tail.append(raw)
    head = orjson.dumps({"inputs": told, "parameters": {"binary_data_output": True, **parameters}})
    return [head, *tail], len(head)


def read_answer(body: bytes, length: bytes | None, specs: Sequence[TensorSpec]) -> list[Array]:
    """The outputs of a v2 answer: by name where the names are those expected, else by place.

    Raises:
        ContractViolation: It is no answer, or one of other types, ranks or number.
    """
    try:
        head = int(length) if length is not None else len(body)
        entries = orjson.loads(body[:head])["outputs"]
        outputs, offset = {}, head
        for entry in entries:
            size = (entry.get("parameters") or {}).get("binary_data_size", 0)
            outputs[entry["name"]] = _output(entry, body[offset : offset + size])
            offset += size
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ContractViolation(f"the remote server's answer cannot be read: {error!r}") from error
    names = [spec.name for spec in specs]
    arrays = [outputs[name] for name in names] if set(names) == set(outputs) else list(outputs.values())
    if len(arrays) != len(specs):
        raise ContractViolation(f"the remote server gave {len(arrays)} outputs, not {len(specs)}")
    for spec, array in zip(specs, arrays, strict=True):
        dtype = "string" if array.dtype.kind == "O" else array.dtype.name
        if dtype != spec.dtype or array.ndim != len(spec.shape):
            raise ContractViolation(
                f"the remote server's '{spec.name}' is {dtype} of rank {array.ndim}, "
                f"not {spec.dtype} of rank {len(spec.shape)}"
            )
    return arrays


def _output(entry: Mapping[str, Any], raw: bytes) -> Array:
    kind, shape, name = entry["datatype"], entry["shape"], entry["name"]
    if "data" not in entry:
        return v2.from_bytes(raw, kind, shape, f"output '{name}'")
    dtype = object if kind == "BYTES" else np.dtype(v2.DATATYPES[kind])
    return np.array(entry["data"], dtype).reshape(shape)


def _shown(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")
