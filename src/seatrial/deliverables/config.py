"""The training's own configuration, as it was given: hyper-parameters and preprocessing."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.text import Text


def _make(handover: Handover) -> Iterator[Item]:
    if handover.config is not None:
        suffix = handover.config.suffix.lower()
        kind = "application/json" if suffix == ".json" else "application/yaml"
        yield Item(f"config{suffix}", "config", handover.config.read_bytes(), kind)


DELIVERABLE = Deliverable(
    name="config",
    order=30,
    summary=Text("the training's configuration, as given", "训练配置原文"),
    make=_make,
)
