"""Asks a model that lies here: one worker a way of running it, kept while it is used."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self

from seatrial.contract.sample import Array, Payload
from seatrial.diagnosis.setup import Setup
from seatrial.errors import UsageError
from seatrial.runtimes import OperatorOutput, Session, open_session

# Every edited copy of the weights is another session, and each holds the whole model.
_LIVE = 4


class LocalRunner:
    """A `Runner` over sessions in workers; closes them at the end. For use in one thread.

    Args:
        live: Most sessions kept open at a time; the one not used for longest is closed first.
    """

    def __init__(self, *, live: int = _LIVE) -> None:
        self._live = live
        self._sessions: OrderedDict[tuple[str, ...], Session] = OrderedDict()

    def infer(self, setup: Setup, feeds: Mapping[str, Array]) -> list[Array]:
        """One batch through the model as `setup` wants it run.

        Raises:
            UsageError: The setup has no model of its own.
            SeatrialError: The model cannot be loaded, or the engine refused or died.
        """
        return self.session(setup).run(feeds)

    def trace(self, setup: Setup, feeds: Mapping[str, Array]) -> list[OperatorOutput]:
        """Every operator's output for one batch, in the order of execution.

        Raises:
            UsageError: The runtime cannot be traced.
            SeatrialError: As `infer`.
        """
        return self.session(setup).trace(feeds)

    def answer(self, setup: Setup, payload: Payload) -> Any:
        """Nothing here is opaque.

        Raises:
            UsageError: Always.
        """
        raise UsageError("a model in a file is asked for numbers, not for answers")

    def session(self, setup: Setup) -> Session:
        """The live session of a setup's model, runtime and options; opened on first use, or when it died.

        Raises:
            UsageError: The setup has no model of its own.
            SeatrialError: As `open_session`.
        """
        artifact = setup.artifact
        if artifact is None:
            raise UsageError("the setup names no model that could be run here")
        key = (
            artifact.digest,
            str(artifact.path),
            setup.runtime,
            json.dumps(asdict(setup.options), sort_keys=True, default=repr),
        )
        session = self._sessions.get(key)
        if session is not None and not getattr(session, "alive", True):
            self._sessions.pop(key).close()
            session = None
        if session is None:
            while len(self._sessions) >= self._live:
                self._sessions.popitem(last=False)[1].close()
            session = self._sessions[key] = open_session(artifact, setup.runtime, setup.options)
        self._sessions.move_to_end(key)
        return session

    def close(self) -> None:
        """Ends every worker; idempotent."""
        while self._sessions:
            self._sessions.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
