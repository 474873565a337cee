"""Which version answers a request that names none. Pure: readiness and the dice are told, nothing is asked.

A version that the client names never comes here. Else the first header rule that fits decides, then the
weights: by one draw a request, or by what stays the same of a user.

Sticky choices are made by weighted rendezvous hashing (Thaler and Ravishankar 1998; weights after
Schindelhauer and Schomaker 2005): each version gets a number from the user and its own name, stretched by
its weight, and the highest wins. A weight that grows therefore only wins users, a version that goes only
loses its own, and nobody else moves; cumulative shares of [0, 1) would push everyone who stands behind the
one that grew.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping

from seatrial.errors import Unavailable
from seatrial.serve.call import Call
from seatrial.serve.settings import Route

Ready = Callable[[str], bool]
Draw = Callable[[], float]

_NO_HEADERS: Mapping[bytes, bytes] = {}


class Router:
    """One model's route, made ready to be asked.

    Args:
        route: As it was set.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        self._sticky = route.sticky.lower().encode()
        self._rules = [(*_rule(rule), version) for rule, version in route.headers.items()]
        self._weights = {version: weight for version, weight in route.weights.items() if weight > 0}

    @property
    def labels(self) -> list[str]:
        """Every version or alias that the route names, the shadow's last."""
        shadow = [self.route.shadow.version] if self.route.shadow else []
        return list(dict.fromkeys([*self.route.weights, *self.route.headers.values(), *shadow]))

    def choose(self, call: Call, ready: Ready, draw: Draw) -> str:
        """The version or alias that answers; empty: the route leaves it to the server.

        Args:
            call: Its headers and its key decide.
            ready: Whether a version or alias answers now.
            draw: A number in [0, 1), asked at most once.

        Raises:
            Unavailable: None of the weighted versions is ready.
        """
        headers = call.headers
        for name, value, version in self._rules:
            if headers.get(name, b"").strip() == value and ready(version):
                return version
        if not self._weights:
            return ""
        weights = {version: weight for version, weight in self._weights.items() if ready(version)}
        if not weights:
            raise Unavailable(
                "none of the versions of the route is ready: " + ", ".join(self._weights),
                hint="try again later",
            )
        if len(weights) == 1:
            return next(iter(weights))
        key = self._key(call) if self._sticky else b""
        return stays(weights, key) if key else drawn(weights, draw())

    def _key(self, call: Call) -> bytes:
        return call.headers.get(self._sticky, b"") or (call.key or call.log_id).encode()


def _rule(rule: str) -> tuple[bytes, bytes]:
    name, _, value = rule.partition(":")
    return name.strip().lower().encode(), value.strip().encode()


def drawn(weights: Mapping[str, float], point: float) -> str:
    """The version at a point of the weights laid end to end.

    Args:
        weights: Above zero; they need not add up to anything.
        point: In [0, 1).
    """
    left = point * math.fsum(weights.values())
    last = ""
    for last, weight in weights.items():
        left -= weight
        if left < 0:
            return last
    return last  # rounding may leave a hair


def stays(weights: Mapping[str, float], key: bytes) -> str:
    """The version of a user: the same each time, on every machine, in every release of Python.

    Args:
        weights: Above zero.
        key: What stays the same of the user.
    """
    return max(weights, key=lambda version: _score(version, weights[version], key))


def _score(version: str, weight: float, key: bytes) -> float:
    told = hashlib.blake2b(key, digest_size=8, person=b"route", salt=_salt(version)).digest()
    unit = ((int.from_bytes(told, "big") >> 12) + 0.5) / (1 << 52)  # in (0, 1): with a bit more it could be 1
    return -weight / math.log(unit)


def _salt(version: str) -> bytes:
    return hashlib.blake2b(version.encode(), digest_size=16).digest()
