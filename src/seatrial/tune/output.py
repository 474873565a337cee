"""Leaves what a tuning found: tune.json, tune.html, and the recommended model where it is another file."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from seatrial.contract import Contract, save_contract
from seatrial.contract.revision import revise
from seatrial.contract.writing import written_beside
from seatrial.converters import publish, staging
from seatrial.errors import UsageError
from seatrial.tune.page import to_html
from seatrial.tune.result import Tuning, document
from seatrial.tune.variants import AS_GIVEN


def write(found: Tuning, contract: Contract, out: Path) -> list[Path]:
    """Writes everything into a folder that is absent or empty; it appears whole or not at all.

    Returns:
        What people open: the page, the data, and the folder `model` when the recommended model is not the one
        that was given.

    Raises:
        UsageError: The folder is not empty or cannot be written.
    """
    with staging(out) as folder:
        text = json.dumps(document(found), indent=2, ensure_ascii=False) + "\n"
        (folder / "tune.json").write_text(text, "utf-8")
        (folder / "tune.html").write_text(to_html(found), "utf-8")
        names = ["tune.html", "tune.json"]
        best = found.recommendation
        if best is not None and best.candidate.point.setup.variant.name != AS_GIVEN:
            _model(found, contract, folder / "model")
            names.append("model")
        publish(folder, out)
    return [out / name for name in names]


def _model(found: Tuning, contract: Contract, folder: Path) -> None:
    best = found.recommendation
    if best is None:
        return
    artifact = best.candidate.point.setup.variant.artifact
    base = artifact.graph.parent
    for each in artifact.files:
        inside = each.path.relative_to(base) if each.path.is_relative_to(base) else Path(each.path.name)
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(each.path, folder / inside)
    # Fingerprints of files vouch for the model that was given; this is another one.
    lists = {what: value for what, value in contract.fingerprints.items() if what in ("labels", "vocabulary")}
    save_contract(
        replace(contract, deployment=found.deployment(), fingerprints=lists), folder / "contract.yaml"
    )


def write_profile(found: Tuning, contract: Contract, path: Path) -> str:
    """Writes the profile into the contract's file, everything else in it as it was; returns the old text.

    Raises:
        UsageError: There is nothing to recommend, or the file cannot be written.
    """
    profile = found.deployment()
    if profile is None:
        raise UsageError(
            "there is no profile to write: nobody holds the goal", hint="ask for less, or give more variants"
        )
    try:
        before = path.read_text("utf-8")
        text = revise(before, replace(contract, deployment=profile), name=path.name)
        with written_beside(path, text.encode()) as ready:
            ready.replace(path)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror}") from error
    return before
