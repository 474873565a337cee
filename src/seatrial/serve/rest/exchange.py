"""One HTTP request and the answer that goes back in its turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from seatrial.errors import SeatrialError, Unavailable
from seatrial.serve.call import Call, headers_of
from seatrial.serve.rest.encoding import unpacked
from seatrial.serve.status import BUSY, GONE, OK, PHRASES, Refusal, status_of, told
from seatrial.trust.refusals import OverRate

if TYPE_CHECKING:
    from seatrial.serve.rest.connection import Connection

JSON = b"application/json"
RETRY_AFTER = {"Retry-After": "1"}
_LONGEST_MESSAGE = 2000

_log = logging.getLogger("seatrial.serve")


class Exchange:
    """A request that was read, and its answer as soon as there is one.

    Attributes:
        method: `GET`, `POST`...
        path: As the client wrote it, still percent-encoded, without the query.
        query: Without the question mark.
        headers: By lower-case name.
        body: All of it.
        began: When its first byte came, on `time.monotonic`'s clock.
        call: What travels on with the request.
        cancel: Called when the client went away before the answer.
        held: Bytes of the memory that all requests share.
        answered: Told the call and the status, once, when the answer is given or the client is gone.
    """

    __slots__ = (
        "answered", "began", "body", "call", "cancel", "close", "connection", "headers", "held", "method",
        "path", "query", "response", "version",
    )  # fmt: skip

    def __init__(
        self, connection: Connection, began: float, headers: dict[bytes, bytes] | None = None
    ) -> None:
        self.connection = connection
        self.began = began
        self.method = self.path = self.query = ""
        self.headers = {} if headers is None else headers
        self.body: bytes | bytearray = b""
        self.call = Call(began=began, headers=self.headers)
        self.close = False
        self.held = 0
        self.version = "1.1"
        self.response: Sequence[bytes] | None = None
        self.cancel: Callable[[], None] | None = None
        self.answered: Callable[[Call, int], None] | None = None

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
        if self.held:
            self.release()
        if self.answered is not None:
            self.answered(self.call, status)
        call = self.call
        told = _told(call.version, call.degraded, call.notice)
        length = len(body[0]) if len(body) == 1 else sum(map(len, body))
        head = b"%b%d\r\nX-Log-Id: %b\r\n%b" % (_first(status, kind), length, call.log_id.encode(), told)
        if headers:
            for name, value in headers.items():
                head += f"{name}: {value}\r\n".encode("latin-1")
        if self.close:
            head += b"Connection: close\r\n"
        elif self.version == "1.0":
            head += b"Connection: keep-alive\r\n"
        # The answer to HEAD is the head alone (RFC 9110, 9.3.2): a body would be taken for the next answer.
        self.response = [head + b"\r\n", *([] if self.method == "HEAD" else body)]
        self.connection.flush()

    def json(self, value: Any, status: int = OK, *, headers: Mapping[str, str] | None = None) -> None:
        """Answers with a value as JSON."""
        self.respond(status, [orjson.dumps(value)], headers=headers)

    def fail(self, error: BaseException) -> None:
        """Answers with the error's status and words; what is a bug goes to the log, not to the client."""
        status = status_of(error)
        if not isinstance(error, SeatrialError | TimeoutError):
            _log.error("%s %s failed", self.method, self.path[:200], exc_info=error)
        message = told(error)
        if len(message) > _LONGEST_MESSAGE:
            message = message[:_LONGEST_MESSAGE] + "..."
        self.call.error = message
        headers = error.headers if isinstance(error, Refusal) else None
        if status == BUSY or isinstance(error, OverRate):
            headers = RETRY_AFTER
        self.json({"error": message}, status, headers=headers)

    def lost(self) -> None:
        """The client went away before the answer: what was begun for it is cancelled."""
        if self.response is not None:
            return
        self.response = ()
        self.release()
        cancel, self.cancel = self.cancel, None
        if cancel is not None:
            cancel()
        if self.answered is not None:
            self.answered(self.call, GONE)

    def hold(self, size: int) -> bool:
        """Takes so many bytes of the memory that all requests share; False: there is no room."""
        found = self.connection.room.take(size)
        if found:
            self.held += size
        return found

    def release(self) -> None:
        """Gives back what was held."""
        held, self.held = self.held, 0
        if held:
            self.connection.room.give(held)

    def only(self, *methods: str) -> None:
        """Insists on one of some methods; HEAD goes where GET goes.

        Raises:
            Refusal: It is another one.
        """
        if self.method not in methods and not (self.method == "HEAD" and "GET" in methods):
            allowed = (*methods, "HEAD") if "GET" in methods else methods
            raise Refusal(
                "method",
                f"{self.method} is not taken here",
                hint="use " + " or ".join(methods),
                headers={"Allow": ", ".join(allowed)},
            )

    def plain(self) -> None:
        """Unpacks a body that is compressed; it may unpack to what a plain one may have.

        Raises:
            Refusal: It is larger, or in a coding that is not taken.
        """
        if b"content-encoding" not in self.headers:
            return
        coding = self.headers.get(b"content-encoding", b"identity").decode("latin-1")
        if coding.lower() not in ("identity", ""):
            self.body = unpacked(self.body, coding, self.connection.limits.body)
            del self.headers[b"content-encoding"]  # who reads it after this one must not unpack it again
            if not self.hold(len(self.body)):
                raise Unavailable(
                    "the requests under way take all the memory there is", hint="try again later"
                )


@lru_cache(maxsize=256)
def _first(status: int, kind: bytes) -> bytes:
    """The beginning of an answer's head, up to the number of its bytes."""
    line = f"HTTP/1.1 {status} {PHRASES[status]}\r\n".encode("latin-1")
    return line + b"Content-Type: %b\r\nContent-Length: " % kind


@lru_cache(maxsize=256)
def _told(version: str, degraded: str, notice: str) -> bytes:
    """What the head says of who answered, behind the log id."""
    _, *others = headers_of(Call(version=version, degraded=degraded, notice=notice))
    return "".join(f"{name}: {value}\r\n" for name, value in others).encode("latin-1")
