"""What is counted of routes and shadows, for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from seatrial.serve.metrics import Read
from seatrial.serve.traffic.plans import Traffic
from seatrial.serve.traffic.shadow import ShadowLine

_SHADOW = ("model", "shadow")
_OUTCOMES = ("compared", "agreed", "differed", "failed", "dropped")

Numbers = Mapping[tuple[str, ...], float]


def traffic_families(traffic: Traffic) -> list[Read]:
    """The metrics of one server's traffic."""
    return [
        Read(
            "seatrial_route_weight", "Share of the traffic that names no version.", "gauge",
            ("model", "version"), read=partial(_weights, traffic),
        ),
        Read(
            "seatrial_shadow_total", "Requests that a shadow was asked too, by what came of it.", "counter",
            (*_SHADOW, "outcome"), read=partial(_outcomes, traffic),
        ),
        Read(
            "seatrial_shadow_latency_ratio", "Time of the shadow's answers against those given.", "gauge",
            _SHADOW, read=partial(_told, traffic, "latency_ratio"),
        ),
        Read(
            "seatrial_shadow_max_difference", "Largest difference between two numbers so far.", "gauge",
            _SHADOW, read=partial(_told, traffic, "max_difference"),
        ),
    ]  # fmt: skip


def _weights(traffic: Traffic) -> Numbers:
    told: dict[tuple[str, ...], float] = {}
    for name, plan in traffic.plans.items():
        weights = plan.router.route.weights
        whole = sum(weights.values())
        told |= {(name, version): weight / whole for version, weight in weights.items()}
    return told


def _shadows(traffic: Traffic) -> Iterator[tuple[str, ShadowLine]]:
    for name, plan in traffic.plans.items():
        if plan.shadow is not None:
            yield name, plan.shadow


def _outcomes(traffic: Traffic) -> Numbers:
    return {
        (name, line.shadow.version, outcome): getattr(line.tally, outcome)
        for name, line in _shadows(traffic)
        for outcome in _OUTCOMES
    }


def _told(traffic: Traffic, what: str) -> Numbers:
    return {(name, line.shadow.version): getattr(line.tally, what) for name, line in _shadows(traffic)}
