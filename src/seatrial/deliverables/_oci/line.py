"""How a registry is spoken to, and as whom."""

from __future__ import annotations

import base64
import json
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.errors import UsageError

USER, PASSWORD = "SEATRIAL_REGISTRY_USER", "SEATRIAL_REGISTRY_PASSWORD"


@dataclass(frozen=True)
class Line:
    """How a registry is spoken to.

    Attributes:
        plain_http: Without TLS; for one on this machine or in a closed net.
        user: To log in with; empty: nobody logs in unless the registry asks, and then in vain.
        password: Or token; never shown.
        timeout: Seconds that one answer may take.
        context: TLS settings; None for those of this machine, which verify.
        pause: Waits between tries.
    """

    plain_http: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 60.0
    context: ssl.SSLContext | None = None
    pause: Callable[[float], None] = time.sleep


def line_to(host: str, *, plain_http: bool, environment: Mapping[str, str] | None = None) -> Line:
    """A line with the credentials that this user has for a registry.

    They come from `SEATRIAL_REGISTRY_USER` and `SEATRIAL_REGISTRY_PASSWORD`, else from where `docker login`
    leaves them (`$DOCKER_CONFIG/config.json`).

    Raises:
        UsageError: That file is damaged.
    """
    said = os.environ if environment is None else environment
    if said.get(USER):
        return Line(plain_http, said[USER], said.get(PASSWORD, ""))
    file = Path(said.get("DOCKER_CONFIG") or Path(said.get("HOME", "/")) / ".docker") / "config.json"
    if not file.is_file():
        return Line(plain_http)
    try:
        kept = json.loads(file.read_bytes()).get("auths", {}).get(host, {})
        user, _, password = base64.b64decode(kept.get("auth", "")).decode().partition(":")
    except (ValueError, AttributeError, OSError) as error:
        raise UsageError(
            f"{file} is damaged: {type(error).__name__}", hint="docker login writes it anew"
        ) from error
    return Line(plain_http, user or kept.get("username", ""), password or kept.get("password", ""))
