"""The training's own settings, as they were given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seatrial.deliverables._deliverable import Handover
from seatrial.deliverables._documents.blocks import Code
from seatrial.deliverables._documents.facts import config_name
from seatrial.deliverables._documents.writer import Writer

MOST = 80


def hyperparameters(w: Writer, handover: Handover) -> None:
    """A table of every setting, or that there is none."""
    if not handover.hyperparameters:
        w.text(
            "The maker gave none (`seatrial bundle --config FILE` takes them in).",
            "制作方没有提供（可用 `seatrial bundle --config FILE` 收入）。",
        )
        return
    file = config_name(handover)
    w.text(
        "As given in {file} of the bundle, unchanged:",
        "摘自交付包中的 {file}，原样列出：",
        file=Code(file),
    )
    ways = list(_leaves(w.facts.raw(file), ()))
    w.grid(
        (("setting", "参数"), ("value", "值")),
        [
            (w.quoted(".".join(map(str, way)), file, *way, code=True), w.fact(file, *way))
            for way in ways[:MOST]
        ],
    )
    if len(ways) > MOST:
        w.note("The others are in the file.", "其余参数见该文件。")


def _leaves(tree: Any, way: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(tree, dict) and tree:
        for name, each in tree.items():
            yield from _leaves(each, (*way, name))
    elif isinstance(tree, list) and any(isinstance(each, dict) for each in tree):
        for place, each in enumerate(tree):
            yield from _leaves(each, (*way, place))
    else:
        yield way
