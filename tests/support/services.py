"""Model services for tests: an HTTP server in a thread, on a port of its own on this machine only."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

Feeds = Mapping[str, np.ndarray]
_DTYPES = {"FP32": "float32", "INT64": "int64", "UINT8": "uint8", "BYTES": "str"}


@dataclass
class FakeModel:
    """What the server serves.

    Attributes:
        infer: Arrays by input name, and the version asked for (may be empty), to arrays by output name.
        answer: For the predict endpoint: the content type, the body (an upload's own bytes) and the query.
        metadata: Of the model, as v2 wants it.
        extensions: What the server announces.
        special: Answers by path that come instead: status, headers, body.
        seen: Every request: method, path, headers.
    """

    infer: Callable[[Feeds, str], Mapping[str, np.ndarray]] | None = None
    answer: Callable[[str, bytes, str], Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    special: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def serving(model: FakeModel) -> Iterator[str]:
    """The address of a server of this model, `http://127.0.0.1:PORT`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body go in two pieces; the second must not wait

        def do_GET(self) -> None:
            _get(self, model)

        def do_POST(self) -> None:
            _post(self, model)

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _json(handler: BaseHTTPRequestHandler, value: Any, status: int = 200) -> None:
    _send(handler, status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _special(handler: BaseHTTPRequestHandler, model: FakeModel) -> bool:
    path = handler.path.partition("?")[0]
    model.seen.append((handler.command, handler.path, dict(handler.headers)))
    if path not in model.special:
        return False
    status, headers, body = model.special[path]
    _send(handler, status, body, headers)
    return True


def _get(handler: BaseHTTPRequestHandler, model: FakeModel) -> None:
    if _special(handler, model):
        return
    if handler.path == "/v2":
        _json(handler, {"name": "fake", "version": "1", "extensions": list(model.extensions)})
    elif handler.path.startswith("/v2/models/") and model.metadata:
        _json(handler, model.metadata)
    else:
        _json(handler, {"error": f"unknown path {handler.path}"}, 404)


def _post(handler: BaseHTTPRequestHandler, model: FakeModel) -> None:
    body = handler.rfile.read(int(handler.headers["Content-Length"]))
    if _special(handler, model):
        return
    path, _, query = handler.path.partition("?")
    if path.endswith("/infer") and model.infer is not None:
        version = path.partition("/versions/")[2].partition("/")[0]
        length = int(handler.headers.get("Inference-Header-Content-Length", len(body)))
        try:
            outputs = model.infer(_feeds(json.loads(body[:length]), body[length:]), version)
        except ValueError as error:
            _json(handler, {"error": str(error)}, 400)
            return
        _answer(handler, json.loads(body[:length]), outputs)
    elif path.endswith("/predict") and model.answer is not None:
        kind = handler.headers["Content-Type"]
        try:
            _json(handler, model.answer(kind.partition(";")[0], _uploaded(kind, body), query))
        except ValueError as error:
            _json(handler, {"detail": [{"msg": str(error)}]}, 422)
    else:
        _json(handler, {"error": f"unknown path {handler.path}"}, 404)


def _feeds(request: Mapping[str, Any], blob: bytes) -> dict[str, np.ndarray]:
    feeds, place = {}, 0
    for each in request["inputs"]:
        size = each.get("parameters", {}).get("binary_data_size")
        if size is None:
            array = np.asarray(each["data"], dtype=_DTYPES[each["datatype"]])
        elif each["datatype"] == "BYTES":
            words, end = [], place + size
            while place < end:
                (length,) = struct.unpack_from("<I", blob, place)
                words.append(blob[place + 4 : place + 4 + length].decode())
                place += 4 + length
            array = np.array(words)
        else:
            array = np.frombuffer(blob[place : place + size], dtype=_DTYPES[each["datatype"]])
            place += size
        feeds[each["name"]] = array.reshape(each["shape"])
    return feeds


def _answer(
    handler: BaseHTTPRequestHandler, request: Mapping[str, Any], outputs: Mapping[str, np.ndarray]
) -> None:
    binary = {
        each["name"]: bool(each.get("parameters", {}).get("binary_data")) for each in request["outputs"]
    }
    described, blobs = [], []
    # In another order than asked for: answers are bound by name.
    for name in reversed(list(binary)):
        array = outputs[name]
        entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": "FP32"}
        if binary[name]:
            blobs.append(array.astype("float32").tobytes())
            entry["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            entry["data"] = array.reshape(-1).tolist()
        described.append(entry)
    head = json.dumps({"model_name": "fake", "outputs": described}).encode()
    if blobs:
        headers = {"Inference-Header-Content-Length": str(len(head))}
        _send(handler, 200, b"".join([head, *blobs]), headers)
    else:
        _send(handler, 200, head, {"Content-Type": "application/json"})


def _uploaded(kind: str, body: bytes) -> bytes:
    """The one file of a multipart body, else the body."""
    if not kind.startswith("multipart/"):
        return body
    message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    (part,) = message.get_payload()
    assert 'name="file"' in part["Content-Disposition"]
    return part.get_payload(decode=True)
