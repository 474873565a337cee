"""Asks a server that has the model: whole answers, or tensors over the Open Inference Protocol v2.

Only the standard library and numpy. A connection is kept for each thread; requests are asked again while the
server says that it is too busy, until the deadline.
"""

from __future__ import annotations

import http.client
import json
import random
import ssl
import struct
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from delivered import pipeline
from delivered.context import Array
from delivered.errors import ContractViolation, ServerError
from delivered.payload import Payload, read_payload

_BUSY = (429, 503)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds
_DATATYPES = {
    "bool": "BOOL", "uint8": "UINT8", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "float16": "FP16", "float32": "FP32", "float64": "FP64",
}  # fmt: skip
_NUMPY = {value: key for key, value in _DATATYPES.items()}


class Client:
    """One server.

    Args:
        address: Such as `http://127.0.0.1:8000`.
        name: Of the model there.
        key: API key; empty when the server asks for none.
        deadline: Seconds for one call, retries included.
        context: For `https`; verifies the server by default.
    """

    def __init__(
        self,
        address: str,
        *,
        name: str = pipeline.NAME,
        key: str = "",
        deadline: float = 30.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        split = urlsplit(address if "//" in address else f"http://{address}")
        if split.scheme not in ("http", "https") or not split.hostname:
            raise ServerError(f"{address} is no address", hint="such as http://127.0.0.1:8000")
        self._secure, self._host = split.scheme == "https", split.hostname
        self._port = split.port or (443 if self._secure else 80)
        self._name, self._deadline, self._context = quote(name, safe=""), deadline, context
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._own = threading.local()

    def ready(self) -> bool:
        """Whether the model answers there."""
        try:
            return self._once("GET", f"/v2/models/{self._name}/ready", b"", {}, self._deadline)[0] == 200
        except OSError:
            return False

    def predict(self, payload: Payload) -> Any:
        """The answer for one sample: a picture's path or bytes, a text, an array, or arrays by input name.

        Raises:
            ServerError: The server refused it or cannot be reached in time.
        """
        kind, body = _posted(read_payload(payload) if isinstance(payload, Path) else payload)
        answer = self._ask(f"/v1/models/{self._name}/predict", body, {"Content-Type": kind})[1]
        return json.loads(answer)

    def infer(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The model's outputs for prepared inputs, in the contract's order (binary tensor extension).

        Args:
            feeds: By input name, batch axis included.

        Raises:
            ServerError: As `predict`.
        """
        parts, inputs = [], []
        for name, array in feeds.items():
            raw, datatype = _raw(name, np.asarray(array))
            parts.append(raw)
            inputs.append(
                {
                    "name": name,
                    "datatype": datatype,
                    "shape": list(np.shape(array)),
                    "parameters": {"binary_data_size": len(raw)},
                }
            )
        head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
        headers = {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(head)),
        }
        said, answer = self._ask(f"/v2/models/{self._name}/infer", b"".join([head, *parts]), headers)
        return _outputs(answer, int(said.get("inference-header-content-length", len(answer))))

    def close(self) -> None:
        """Closes this thread's connection."""
        connection = self.__dict__["_own"].__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def _ask(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[dict[str, str], bytes]:
        until, pause = time.monotonic() + self._deadline, _FIRST_PAUSE
        while True:
            left = until - time.monotonic()
            try:
                status, said, answer = self._once("POST", path, body, headers, max(left, 0.001))
            except (OSError, http.client.HTTPException) as error:
                self.close()
                status, said, answer = 0, {}, f"{type(error).__name__}: {error}".encode()
            if status == 200:
                return said, answer
            wait = max(_seconds(said.get("retry-after", "")), pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries
            if (status and status not in _BUSY) or time.monotonic() + wait >= until:
                raise ServerError(_message(status, answer), status=status)
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _once(
        self, method: str, path: str, body: bytes, headers: dict[str, str], timeout: float
    ) -> tuple[int, dict[str, str], bytes]:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = (
                http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)
                if self._secure
                else http.client.HTTPConnection(self._host, self._port, timeout=timeout)
            )
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request(method, path, body, {**headers, **self._headers})
        response = connection.getresponse()
        said = {key.lower(): value for key, value in response.getheaders()}
        return response.status, said, response.read()


def _posted(payload: Payload) -> tuple[str, bytes]:
    if isinstance(payload, bytes):
        return "application/octet-stream", payload
    if isinstance(payload, str):
        return "application/json", json.dumps({"text": payload}).encode()
    arrays = payload if isinstance(payload, Mapping) else {pipeline.INPUTS[0].name: payload}
    inputs = {name: np.asarray(array).tolist() for name, array in arrays.items()}
    return "application/json", json.dumps({"inputs": inputs}).encode()


def _raw(name: str, array: Array) -> tuple[bytes, str]:
    """The bytes of a tensor as the protocol has them, and its datatype."""
    if array.dtype.kind in "OUS":
        words = [each if isinstance(each, bytes) else str(each).encode() for each in array.reshape(-1)]
        return b"".join(struct.pack("<I", len(each)) + each for each in words), "BYTES"
    if array.dtype.name not in _DATATYPES:
        raise ContractViolation(f"input '{name}' is {array.dtype}, which the protocol does not have")
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return little.tobytes(), _DATATYPES[array.dtype.name]


def _outputs(answer: bytes, head: int) -> list[Array]:
    found, place = [], head
    for each in json.loads(answer[:head])["outputs"]:
        size = each.get("parameters", {}).get("binary_data_size")
        if size is None:
            array = np.asarray(each["data"], _NUMPY.get(each["datatype"], object))
        elif each["datatype"] == "BYTES":
            array = np.asarray(_words(answer[place : place + size]), object)
        else:
            array = np.frombuffer(answer[place : place + size], _NUMPY[each["datatype"]])
        place += size or 0
        found.append(array.reshape(each["shape"]))
    return found


def _words(raw: bytes) -> list[str]:
    found, place = [], 0
    while place < len(raw):
        (length,) = struct.unpack_from("<I", raw, place)
        found.append(raw[place + 4 : place + 4 + length].decode())
        place += 4 + length
    return found


def _message(status: int, answer: bytes) -> str:
    if not status:
        return f"the server does not answer: {answer.decode(errors='replace')}"
    try:
        said = json.loads(answer)["error"]
    except (ValueError, KeyError, TypeError):
        said = answer[:200].decode(errors="replace")
    return f"the server answered {status}: {said}"


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
