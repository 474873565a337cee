"""Requests of one turn of the loop that can travel and be computed together, gathered.

Sockets become readable in flocks: what was read in one turn is handed on once, at its end, form by form.
Each request stays one of its own: with its log id, its place in the queue, its error, its answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from seatrial.runtimes import Lot
from seatrial.serve import v2
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.forms import Form, Packed
from seatrial.serve.rest.targets import Target

LARGEST = 1 << 20  # bytes of the tensors of one lot

Member = tuple[Exchange, v2.InferRequest, Packed]
Send = Callable[[Target, Lot, Sequence[Member]], None]
_PLAIN = v2.InferRequest({})


class Gatherer:
    """Gathers plain inferences.

    Args:
        send: Given those of one target and form, at the end of the turn.
        other: Given a request that turned out not to be plain, and its target.
    """

    def __init__(self, send: Send, other: Callable[[Exchange, Target], None]) -> None:
        self._send, self._other = send, other
        self._waiting: dict[Form, tuple[Target, list[Member]]] = {}
        self._loop = asyncio.get_running_loop()

    def take(self, exchange: Exchange, target: Target) -> bool:
        """Takes a request, if it is plainly an inference in JSON."""
        headers = exchange.headers
        if b"content-encoding" in headers or v2.HEADER_LENGTH in headers:
            return False
        found = target.forms.read(exchange.body)
        if found is None:
            return False
        form, given, packed = found
        request = v2.InferRequest({}, given) if given else _PLAIN
        waiting = self._waiting.get(form)
        if waiting is None:
            if not self._waiting:
                self._loop.call_soon(self._turned)
            self._waiting[form] = target, [(exchange, request, packed)]
        else:
            waiting[1].append((exchange, request, packed))
        return True

    def _turned(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for form, (target, members) in waiting.items():
            there = [each for each in members if each[0].response is None]  # else its client is gone
            most = max(1, LARGEST // form.size)
            for start in range(0, len(there), most):
                self._hand_on(form, target, there[start : start + most])

    def _hand_on(self, form: Form, target: Target, members: Sequence[Member]) -> None:
        lot = form.lot([each[2] for each in members])
        if lot is None:
            # Those that fit go together as they would have without the others.
            good = [each for each in members if form.lot([each[2]]) is not None]
            for each in members:
                if each not in good:
                    self._other(each[0], target)
            members = good
            lot = form.lot([each[2] for each in members]) if good else None
        if lot is not None:
            self._send(target, lot, members)
        else:
            for each in members:  # each is good, and not all of them together: sums that overflow
                alone = form.lot([each[2]])
                if alone is not None:
                    self._send(target, alone, [each])
