"""One HTTP request and the answer that goes back in its turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from seatrial.serve.status import PHRASES

if TYPE_CHECKING:
    from seatrial.serve._http_connection import Connection

JSON = b"application/json"


class Exchange:
    """A request that was read, and its answer as soon as there is one.

    Attributes:
        method: `GET`, `POST`...
        path: As the client wrote it, still percent-encoded, without the query.
        query: Without the question mark.
        headers: By lower-case name.
        body: All of it.
        began: When its first byte came, on `time.monotonic`'s clock.
        cancel: Called when the client went away before the answer.
        answered: Told the status when the answer is given, for metrics; not told about clients that are gone.
    """

    __slots__ = (
        "answered", "began", "body", "cancel", "close", "connection", "headers", "method", "path", "query",
        "response", "version",
    )  # fmt: skip

    def __init__(self, connection: Connection, began: float) -> None:
        self.connection = connection
        self.began = began
        self.method = self.path = self.query = ""
        self.headers: dict[bytes, bytes] = {}
        self.body: bytes | bytearray = b""
        self.close = False
        self.version = "1.1"
        self.response: Sequence[bytes] | None = None
        self.cancel: Callable[[], None] | None = None
        self.answered: Callable[[int], None] | None = None

    def respond(
        self,
        status: int,
        body: Sequence[bytes],
        *,
        kind: bytes = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Gives the answer; it is sent when those before it were. A second answer is ignored."""
        if self.response is not None:
            return
        self.cancel = None
        if self.answered is not None:
            self.answered(status)
        length = sum(map(len, body))
        head = b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (
            status,
            PHRASES[status].encode(),
            kind,
            length,
        )
        for name, value in (headers or {}).items():
            head += f"{name}: {value}\r\n".encode("latin-1")
        if self.close:
            head += b"Connection: close\r\n"
        elif self.version == "1.0":
            head += b"Connection: keep-alive\r\n"
        # The answer to HEAD is the head alone (RFC 9110, 9.3.2): a body would be taken for the next answer.
        self.response = [head + b"\r\n", *([] if self.method == "HEAD" else body)]
        self.connection.flush()
