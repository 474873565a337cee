"""What travels with one request from the front through every stage and back."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from seatrial.serve.batching.queueing import Request
    from seatrial.serve.model import ServedModel

LOG_ID = "X-Log-Id"
_LOG_ID_KEY, _TRACE_KEY = b"x-log-id", b"traceparent"
# Ids of all kinds, and nothing that could break out of a log line or a header.
_LOG_ID = re.compile(rb"[A-Za-z0-9._:@+=/-]{1,128}")
# W3C Trace Context, 3.2: version 00 has these four fields and no more, a later one may have more behind them.
_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{0,200})?"
)


@dataclass(slots=True)
class Call:
    """One request: who it is, what it asks beside its data, and what became of it.

    Attributes:
        log_id: The client's, or one that was made; given back, and in every line and span about the request.
        traceparent: W3C Trace Context as the client sent it; empty: none.
        parameters: Of the request: `timeout` (microseconds), `priority`.
        headers: As the client sent them, by lower-case name; gRPC's metadata likewise.
        key: What sticky routing goes by (a user, a device); empty: the log id.
        client: Who asked, for logs: an address, or the name of an API key.
        route: What was asked for: `infer`, `predict`, `metrics`...; for metrics and logs.
        model: Name of the model that answered, once that is known.
        version: Its version, likewise.
        pinned: Whether the client named the version, so that nothing else may answer.
        degraded: The rung that answered instead of the model asked for; empty: the model itself.
        why: What made it step down: `queue`, `deadline` or `device`.
        began: When its first byte came, on `time.monotonic`'s clock.
        complete: When its last byte was there, likewise.
        seconds: Time spent by phase, where a stage knows better than the clock readings of `stages`.
        stages: Models that it was handed to, with what the batcher made of it, in order.
        facts: What the log may tell of the input: lengths and sizes, never its content.
        payload: What the prediction starts from, for the log's summary of it; not kept longer than the call.
        body: What was sent, for the log's digest; likewise.
        answer: What a prediction answered, for counting classes; likewise.
        notice: What the client is warned of, such as a license in its grace; empty: nothing.
        error: What the client was told went wrong; empty: nothing.
        trace: Of `trace_id`, once somebody asked for it.
    """

    log_id: str = ""
    traceparent: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    key: str = ""
    client: str = ""
    route: str = "other"
    model: str = ""
    version: str = ""
    pinned: bool = False
    degraded: str = ""
    why: str = ""
    began: float = 0.0
    complete: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    stages: list[tuple[ServedModel, Request]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    payload: Any = None
    body: bytes | bytearray | memoryview = b""
    answer: Any = None
    notice: str = ""
    error: str = ""
    trace: str = ""

    def identify(self, headers: Mapping[bytes, bytes]) -> None:
        """Takes the client's log id and trace context, or makes what is missing.

        What breaks the form is replaced: a request is never refused for how it wants to be called.

        Args:
            headers: By lower-case name.
        """
        self.headers = headers
        given, parent = headers.get(_LOG_ID_KEY), headers.get(_TRACE_KEY)
        if parent is not None:
            found = _TRACEPARENT.fullmatch(parent)
            if found and (found[1] != b"00" or found[2] is None):
                self.traceparent = parent.decode("ascii")
        if given is not None and _LOG_ID.fullmatch(given):
            self.log_id = given.decode("ascii")
        else:
            self.log_id = self.traceparent[3:35] or made_id()

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits: the client's trace, else the log id where it can be one, else made."""
        if not self.trace:
            parent = self.traceparent[3:35]
            own = self.log_id if _TRACE_ID.fullmatch(self.log_id) else ""
            self.trace = parent or own or made_id()
        return self.trace

    def release(self) -> None:
        """Lets go of the tensors and of the bytes; for the end of a request."""
        self.stages = []
        self.payload, self.body, self.answer = None, b"", None


_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


def made_id() -> str:
    """A new log id that is a W3C trace id as well.

    Python seeds the generator from the system at start and again in each forked process; a `uuid4` would ask
    the system each time, for ten times the price.
    """
    return f"{random.getrandbits(128) or 1:032x}"


def headers_of(call: Call) -> list[tuple[str, str]]:
    """What goes back with the answer, whatever it is; over gRPC as trailing metadata, in lower case."""
    headers = [(LOG_ID, call.log_id)]
    if call.version:
        headers.append(("X-Seatrial-Version", _clean(call.version)))
    if call.degraded:
        headers.append(("X-Seatrial-Degraded", _clean(call.degraded)))
    if call.notice:
        headers.append(("X-Seatrial-License", _clean(call.notice)))
    return headers


def _clean(name: str) -> str:
    """A name as a header can say it: versions are named by folders, and folders by anybody."""
    return name if name.isascii() and name.isprintable() else quote(name)
