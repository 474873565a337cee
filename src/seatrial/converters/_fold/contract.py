"""The contract of a folded model: what is left of the pipelines outside of it."""

from __future__ import annotations

from dataclasses import replace

from seatrial.contract.contract import Contract
from seatrial.contract.pipeline import Pipeline, StepCall
from seatrial.converters._fold.assemble import Entry, Made


def folded_contract(contract: Contract, made: Made, entry: Entry, part: str) -> Contract:
    """What goes in and out now; task, limits and the answer's schema stay.

    Args:
        contract: Of the source.
        made: The folded graph.
        entry: What it takes.
        part: What was folded.
    """
    before, after = contract.preprocess, contract.postprocess
    if part != "post":
        before = _before(contract, entry)
    if part != "pre":
        after = Pipeline((StepCall("pack", {"keys": list(made.keys)}),))
    elif notes := [key.removeprefix("note:") for key in made.keys if key.startswith("note:")]:
        after = Pipeline((StepCall("note", {"names": notes}), *after.calls))
    # Held-out labels are named by the labels; the dictionary of a reader of text is in the graph for good.
    used = {"labels": part == "pre" or contract.task != "text-recognition", "vocabulary": part == "post"}
    return replace(
        contract,
        inputs=made.inputs,
        outputs=made.outputs,
        preprocess=before,
        postprocess=after,
        labels=contract.labels if used["labels"] else (),
        vocabulary=contract.vocabulary if used["vocabulary"] else (),
        files={what: name for what, name in contract.files.items() if used[what]},
        fingerprints={what: value for what, value in contract.fingerprints.items() if used.get(what)},
        deployment=None,
    )


def _before(contract: Contract, entry: Entry) -> Pipeline:
    if entry.kind == "bytes":
        return Pipeline((StepCall("file_bytes"),))
    if entry.kind == "pixels":
        return Pipeline(contract.preprocess.calls[:1])
    if entry.kind == "text":
        return Pipeline((StepCall("feed", {"inputs": {entry.name: "value"}}),))
    return Pipeline((StepCall("cast", {"dtype": entry.dtype}),))
