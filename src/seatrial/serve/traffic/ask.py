"""One request's tensors and who wants the answer, as they go from version to version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from seatrial.contract.sample import Array
from seatrial.serve.batching.queueing import Request
from seatrial.serve.call import Call
from seatrial.serve.model import Outcome, ServedModel

Cancel = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked.

    Attributes:
        feeds: Arrays by input name.
        done: Told the outputs or the error, once, later.
        call: Of the request.
        deadline: On the batchers' clock; None: there is none.
        priority: Index into `queueing.PRIORITIES`.
        arrived: When it came, on the batchers' clock; 0: now.
    """

    feeds: Mapping[str, Array]
    done: Callable[[Outcome], None]
    call: Call
    deadline: float | None = None
    priority: int = 1
    arrived: float = 0.0

    def of(self, model: ServedModel) -> Request:
        """Asks a version; `model.batcher` cancels what comes back.

        Raises:
            SeatrialError: It refuses at once.
        """
        request = model.submit(
            self.feeds, self.done, deadline=self.deadline, priority=self.priority, arrived=self.arrived
        )
        self.call.stages.append((model, request))
        return request

    def told(self, done: Callable[[Outcome], None]) -> Ask:
        """The same for somebody else."""
        return replace(self, done=done)

    def of_feeds(self, feeds: Mapping[str, Array]) -> Ask:
        """The same about other arrays, or about the same ones when they were checked."""
        return replace(self, feeds=feeds)
