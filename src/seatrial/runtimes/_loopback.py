"""A web server for one page of one worker: on this machine only, under a secret path, nothing kept."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

# Browsers refuse modules and programs of other types.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
}
# What a page must be served with for its threads to share memory.
ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Loopback:
    """Serves folders, files and arrays to a page, and takes arrays from it.

    Other users of the machine can connect to the port; what they lack is the path.

    Args:
        folders: By the first part of the path.
        headers: Of every answer.
    """

    def __init__(self, folders: Mapping[str, Path], headers: Mapping[str, str]) -> None:
        self.folders = dict(folders)
        self.headers = dict(headers)
        self.files: dict[str, Path] = {}
        self.offered: dict[str, bytes] = {}
        self.taken: dict[str, bytes] = {}
        self._secret = secrets.token_urlsafe(16)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.seatrial = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Where everything lies; ends in a slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{self._secret}/"

    def found(self, path: str) -> bytes | Path | None:
        """What lies at a path."""
        secret, _, name = unquote(path.partition("?")[0]).lstrip("/").partition("/")
        if not secrets.compare_digest(secret.encode(), self._secret.encode()):
            return None
        if name in self.offered:
            return self.offered[name]
        if name in self.files:
            return self.files[name]
        first, _, rest = name.partition("/")
        folder = self.folders.get(first)
        if folder is None:
            return None
        target = (folder / rest).resolve()
        return target if target.is_relative_to(folder.resolve()) and target.is_file() else None

    def take(self, path: str, data: bytes) -> bool:
        """Keeps what the page sends; False when the path is not ours."""
        secret, _, name = unquote(path).lstrip("/").partition("/")
        if not secrets.compare_digest(secret.encode(), self._secret.encode()):
            return False
        self.taken[name] = data
        return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        ours: Loopback = self.server.seatrial  # type: ignore[attr-defined]
        found = ours.found(self.path)
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")
            return
        if isinstance(found, bytes):
            self._answer(HTTPStatus.OK, found, "application/octet-stream")
            return
        named = Path(self.path.partition("?")[0])
        kind = _TYPES.get(named.suffix or found.suffix, "application/octet-stream")
        self._answer(HTTPStatus.OK, found.read_bytes(), kind)

    def do_POST(self) -> None:
        ours: Loopback = self.server.seatrial  # type: ignore[attr-defined]
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(HTTPStatus.NO_CONTENT if ours.take(self.path, data) else HTTPStatus.NOT_FOUND)

    def _answer(self, status: HTTPStatus, data: bytes = b"", kind: str = "") -> None:
        ours: Loopback = self.server.seatrial  # type: ignore[attr-defined]
        self.send_response(status)
        told = {"Cache-Control": "no-store", **ours.headers} | ({"Content-Type": kind} if kind else {})
        if status is not HTTPStatus.NO_CONTENT:
            told["Content-Length"] = str(len(data))
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
