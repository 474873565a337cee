"""What travels with one request from the front through every stage and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Call:
    """One request: who it is, what it asks beside its data, and what became of it.

    Attributes:
        log_id: The client's, or one that was made; given back, and in every line and span about the request.
        traceparent: W3C Trace Context as the client sent it; empty: none.
        parameters: Of the request: `timeout` (microseconds), `priority`.
        key: What sticky routing goes by (a user, a device); empty: the log id.
        client: Who asked, for logs: an address, or the name of an API key.
        model: Name of the model that answered, once that is known.
        version: Its version, likewise.
        degraded: The rung that answered instead of the model asked for; empty: the model itself.
        seconds: Time spent by phase (`read`, `prepare`, `queue`, `device`, `answer`).
        facts: What the log may tell of the input: lengths and sizes, never its content.
    """

    log_id: str = ""
    traceparent: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    client: str = ""
    model: str = ""
    version: str = ""
    degraded: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
