"""A registry of the OCI distribution specification in a thread, which can be told to misbehave."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit


@dataclass
class Shelf:
    """What a registry holds, and how it is to behave.

    Attributes:
        blobs: By digest.
        manifests: By tag and by digest, with their media type.
        uploads: Under way.
        login: `user:password` that is asked for; empty: nobody is.
        token: Whether a token is given for the login, instead of taking the login itself.
        broken: Requests (`METHOD path-part`) to break off, each once, in the middle of the body for PATCH.
        answers: Status by `METHOD path-part`, each once.
        lies: Whether blobs are given with a changed byte.
        elsewhere: Where blobs are to be fetched instead; empty: here.
        closed: Whether the place that others send one to asks for a login as well.
        seen: `METHOD path` of every request, and `Authorization` when there was one.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    login: str = ""
    token: bool = False
    broken: list[str] = field(default_factory=list)
    answers: list[tuple[str, int]] = field(default_factory=list)
    lies: bool = False
    elsewhere: str = ""
    closed: bool = False
    seen: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def fake_registry(shelf: Shelf, certificate: tuple[Path, Path] | None = None) -> Iterator[str]:
    """`HOST:PORT` of a registry over a shelf, with TLS when there is a certificate and key."""

    class Handler(_Handler):
        held = shelf

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    held: ClassVar[Shelf]

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the name it is called by
        """Says nothing."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/token":
            return self._token()
        if not self._lets_in():
            return None
        kind, name = self._what(path)
        if kind == "manifests" and name in self.held.manifests:
            media_type, data = self.held.manifests[name]
            return self._say(200, data, {"Content-Type": media_type})
        if kind == "blobs" and name in self.held.blobs:
            if self.held.elsewhere:
                return self._say(307, b"", {"Location": f"{self.held.elsewhere}/there/{name}"})
            data = self.held.blobs[name]
            return self._say(200, bytes([data[0] ^ 1]) + data[1:] if self.held.lies else data)
        if kind == "there":
            return self._say(200, self.held.blobs[name])
        if kind == "uploads" and name in self.held.uploads:
            size = len(self.held.uploads[name])
            return self._say(204, b"", {"Location": path, "Range": f"0-{max(size - 1, 0)}"})
        return self._say(404, b'{"errors":[{"code":"UNKNOWN","message":"there is none"}]}')

    def do_HEAD(self) -> None:
        if self._lets_in():
            _, name = self._what(urlsplit(self.path).path)
            self._say(200 if name in self.held.blobs else 404, b"")

    def do_POST(self) -> None:
        self._body()
        if self._lets_in():
            name = f"u{len(self.held.uploads)}"
            self.held.uploads[name] = bytearray()
            self._say(202, b"", {"Location": f"/v2/x/blobs/uploads/{name}?state=1"})

    def do_PATCH(self) -> None:
        path = urlsplit(self.path).path
        upload = self.held.uploads[self._what(path)[1]]
        if self._breaks():
            upload += self.rfile.read(int(self.headers["Content-Length"]) // 2)
            self.close_connection = True
            return
        start = int(self.headers["Content-Range"].split("-")[0])
        data = self._body()
        if start != len(upload):
            self._say(416, b"")
        elif self._lets_in():
            upload += data
            self._say(202, b"", {"Location": f"{path}?state=2", "Range": f"0-{len(upload) - 1}"})

    def do_PUT(self) -> None:
        data, split = self._body(), urlsplit(self.path)
        if not self._lets_in():
            return
        kind, name = self._what(split.path)
        if kind == "manifests":
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            for key in (name, digest):
                self.held.manifests[key] = (self.headers["Content-Type"], data)
            self._say(201, b"", {"Docker-Content-Digest": digest})
            return
        whole = bytes(self.held.uploads.pop(name)) + data
        said = parse_qs(split.query)["digest"][0]
        if said != "sha256:" + hashlib.sha256(whole).hexdigest():
            self._say(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}')
            return
        self.held.blobs[said] = whole
        self._say(201, b"")

    def _what(self, path: str) -> tuple[str, str]:
        found = re.fullmatch(r"/(?:v2/.+/)?(manifests|blobs/uploads|blobs|there)/([^/]*)/?", path)
        return (found[1].rpartition("/")[2], found[2]) if found else ("", "")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _breaks(self) -> bool:
        asked = f"{self.command} {self.path}"
        for each in self.held.broken:
            if all(word in asked for word in each.split()):
                self.held.broken.remove(each)
                return True
        return False

    def _lets_in(self) -> bool:
        """Whether the request goes on; it was answered when not."""
        asked, said = f"{self.command} {urlsplit(self.path).path}", self.headers.get("Authorization", "")
        self.held.seen.append((asked, said))
        if self._breaks():
            self.close_connection = True
            return False
        for each in self.held.answers:
            if all(word in asked for word in each[0].split()):
                self.held.answers.remove(each)
                self._say(each[1], b'{"errors":[{"code":"BUSY","message":"not now"}]}')
                return False
        basic = "Basic " + base64.b64encode(self.held.login.encode()).decode()
        open_place = "/there/" in asked and not self.held.closed
        if not self.held.login or said == ("Bearer good" if self.held.token else basic) or open_place:
            return True
        host = self.headers["Host"]
        wants = (
            f'Bearer realm="http://{host}/token",service="s",scope="x"'
            if self.held.token
            else 'Basic realm="r"'
        )
        self._say(
            401, b'{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}', {"WWW-Authenticate": wants}
        )
        return False

    def _token(self) -> None:
        self.held.seen.append(("GET /token", self.headers.get("Authorization", "")))
        good = "Basic " + base64.b64encode(self.held.login.encode()).decode()
        if self.headers.get("Authorization") == good:
            self._say(200, b'{"token":"good"}')
        else:
            self._say(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}')

    def _say(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0" if status == 204 else str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(data)
