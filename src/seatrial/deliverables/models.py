"""The model itself, in every format chosen, its files side by side under their own names."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.text import Text

FOLDER = "models"


def _make(handover: Handover) -> Iterator[Item]:
    for artifact in handover.models:
        here = artifact.graph.parent
        for each in artifact.files:
            inside = each.path.relative_to(here).as_posix()
            yield Item(
                f"{FOLDER}/{artifact.format}/{inside}",
                "model",
                each.path,
                "application/json" if each.path.suffix == ".json" else "application/octet-stream",
                extra={"format": artifact.format},
            )


DELIVERABLE = Deliverable(
    name="models",
    order=10,
    summary=Text("the model in every format chosen", "各所选格式的模型文件"),
    make=_make,
)
