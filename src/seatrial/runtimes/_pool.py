"""Hands out sessions and keeps them for the next who asks for the same."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Self

from seatrial.errors import SeatrialError, UsageError
from seatrial.model.artifact import Artifact
from seatrial.runtimes._client import WorkerSession
from seatrial.runtimes._engine import Behavior
from seatrial.runtimes._open import available_runtimes, open_session
from seatrial.runtimes._session import Session, SessionOptions


class Pool:
    """Sessions of one artifact (and of others, on request), reused while they live.

    A session serves one thread, so each thread gets its own.

    Args:
        artifact: The model on trial.
        preferred: The runtime of the deployment; `auto` leaves the order to Seatrial.
        convert: Makes the artifact in another format and verifies it; given by whoever knows converters.
        behavior: Makes another runtime of the one that serves the artifact: a service that misbehaves, for
            self-tests. Other artifacts that are asked for are served as they should be.
    """

    def __init__(
        self,
        artifact: Artifact,
        *,
        preferred: str = "auto",
        convert: Callable[[str], Artifact] | None = None,
        behavior: Behavior | None = None,
    ) -> None:
        self._artifact = artifact
        self._preferred = preferred
        self._convert = convert
        self._behavior = behavior
        self._sessions: dict[Any, Session] = {}
        self._converted: dict[str, Artifact | SeatrialError] = {}
        self._lock = threading.Lock()

    def get(
        self,
        runtime: str = "auto",
        options: SessionOptions | None = None,
        *,
        artifact: Artifact | None = None,
    ) -> Session:
        """A live session; opened on first use, reopened when dead.

        Raises:
            SeatrialError: As `open_session`.
        """
        model, options = artifact or self._artifact, options or SessionOptions()
        if runtime == "auto":
            runtime = next(iter(self._for(model)), "auto")
        key = (
            threading.get_ident(),
            model.digest,
            str(model.path),
            runtime,
            json.dumps(asdict(options), sort_keys=True),
        )
        session = self._sessions.get(key)
        if isinstance(session, WorkerSession) and session.alive:
            return session
        if session is not None:
            session.close()
        own = model.digest == self._artifact.digest
        opened = open_session(model, runtime, options, behavior=self._behavior if own else None)
        with self._lock:
            self._sessions[key] = opened
        return opened

    def runtimes(self) -> Sequence[str]:
        """Installed runtimes that can run the artifact, the deployment's first."""
        return self._for(self._artifact)

    def _for(self, artifact: Artifact) -> list[str]:
        return sorted(
            available_runtimes(artifact, asked=self._preferred), key=lambda name: name != self._preferred
        )

    def converted(self, format_name: str) -> Artifact:
        """The artifact in another format, converted and verified once.

        Raises:
            SeatrialError: There is no converter, or its result was refused.
        """
        if format_name == self._artifact.format:
            return self._artifact
        if format_name not in self._converted:
            if self._convert is None:
                raise UsageError(f"this pool was given nothing that converts to {format_name}")
            try:
                self._converted[format_name] = self._convert(format_name)
            except SeatrialError as error:
                # A refusal is as final as a result: every check that asks gets it at once.
                self._converted[format_name] = error
        known = self._converted[format_name]
        if isinstance(known, SeatrialError):
            raise known
        return known

    def close(self) -> None:
        """Closes every session; idempotent."""
        with self._lock:
            sessions, self._sessions = list(self._sessions.values()), {}
        for each in sessions:
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
