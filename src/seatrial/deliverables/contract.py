"""The contract, with its labels and vocabulary in files that other languages can read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from seatrial.contract import save_contract
from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.text import Text

NAME = "contract.yaml"
FILES = {"labels": "labels.txt", "vocabulary": "vocabulary.txt"}


def _make(handover: Handover) -> Iterator[Item]:
    files = {what: name for what, name in FILES.items() if getattr(handover.contract, what)}
    # Where it was read from is a path of the sender's machine.
    contract = replace(handover.contract, files=files, source="")
    with tempfile.TemporaryDirectory(prefix="seatrial-contract-") as folder:
        save_contract(contract, Path(folder) / NAME)
        for each in sorted(Path(folder).iterdir()):
            listed = each.name != NAME
            yield Item(
                each.name,
                "labels" if listed else "contract",
                each.read_bytes(),
                "text/plain" if listed else "application/yaml",
            )


DELIVERABLE = Deliverable(
    name="contract",
    order=20,
    summary=Text("what goes in and out, for machines", "供程序读取的输入输出约定"),
    make=_make,
)
