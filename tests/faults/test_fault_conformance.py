"""What every fault keeps to, whoever wrote it: found in the folder, not listed here."""

from __future__ import annotations

import hashlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seatrial.faults
from seatrial import extensions
from seatrial.checks import all_checks
from seatrial.faults import Fault, Good, NotApplicable, Release, all_faults
from seatrial.model import open_model
from support import networks
from support.pipelines import CASES

FAULTS = all_faults()
KINDS = ("file", "weights", "graph", "pipeline", "labels", "data", "service", "delivery", "gate")
NEEDS = {"baseline", "members", "full"}
HYPOTHESES = {
    "channel-order", "scaling", "mean-std", "resize", "geometry", "layout", "dtype", "orientation", "alpha",
    "grayscale", "vocabulary", "casing", "unicode-form", "max-length", "padding-side", "special-tokens",
    "token-unit", "label-map", "softmax", "threshold", "decoding", "weights", "train-mode", "dropout",
    "operator", "precision", "quantization", "batch", "service-version",
}  # fmt: skip
# A network, and pictures and texts with the contracts of other tasks around the same files.
WORLDS = ("network", "runnable", *sorted(CASES))


def world(name: str, folder: Path) -> Good:
    """A good release of one kind."""
    if name == "runnable":  # by ONNX Runtime, with enough samples to train a layer on
        runs = networks.good(folder, "onnx")
        return replace(runs, release=replace(runs.release, held_out=networks.held_out(480)))
    good = networks.good(folder, "paddle-json")
    if name == "network":
        return good
    case = CASES[name]()
    return replace(good, release=Release(good.release.model, case.contract, case.held_out))


def tree(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def shown(value: Any) -> Any:
    """A payload or a label as something that can be compared."""
    if isinstance(value, Path):
        return value.read_bytes()
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    return {key: shown(each) for key, each in value.items()} if isinstance(value, dict) else repr(value)


def state(release: Release) -> Any:
    """A release but for the bytes of its files, wherever they lie."""
    samples = (*release.held_out.samples, *release.held_out.members)
    return (
        release.model.name,
        release.contract,
        [(each.key, shown(each.payload), shown(each.label), dict(each.slices)) for each in samples],
        sorted(each.name for each in release.delivered),
        dict(release.profile),
        release.behavior is None,
    )


def test_every_file_defines_the_fault_it_is_named_for() -> None:
    modules = [each.name for each in pkgutil.iter_modules(seatrial.faults.__path__)]
    public = {each.replace("_", "-") for each in modules if not each.startswith("_")}
    assert public <= set(FAULTS)
    assert extensions.get("seatrial.faults", "FAULT", "nan-weight") is FAULTS["nan-weight"]


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_it_says_what_it_is(name: str) -> None:
    fault: Fault = FAULTS[name]
    assert fault.name == name
    assert fault.kind in KINDS
    assert fault.title.en.strip()
    assert any("\u4e00" <= each <= "\u9fff" for each in fault.title.zh)
    assert fault.checks
    assert fault.checks <= {each.name for each in all_checks()}
    assert fault.cause in HYPOTHESES | {""}
    assert fault.needs <= NEEDS
    assert fault.number == "" or (fault.number[0] == "F" and fault.number[1:].isdigit())
    if fault.identity_only is not None:
        assert fault.identity_only.en.strip()
        assert any("\u4e00" <= each <= "\u9fff" for each in fault.identity_only.zh)


def test_numbers_are_those_of_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
    listed = {
        line.split("|")[1].strip() for line in page.read_text("utf-8").splitlines() if line[:3] == "| F"
    }
    assert len(listed) >= 49
    assert {each.number for each in FAULTS.values()} - {""} <= listed


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Good]]:
    """Every good release with the folder it lies in."""
    made = {}
    for name in WORLDS:
        folder = tmp_path_factory.mktemp(name)
        made[name] = (folder, world(name, folder))
    return made


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_making_it_is_repeatable_and_harms_nothing(
    name: str, worlds: dict[str, tuple[Path, Good]], tmp_path: Path
) -> None:
    """In the first release it can happen to; one that can happen to none would count as caught for ever."""
    reasons: list[str] = []
    for where, (home, good) in worlds.items():
        before, said = tree(home), state(good.release)
        folders = tmp_path / f"{where}-one", tmp_path / f"{where}-again"
        for each in folders:
            each.mkdir()
        made = [attempt(FAULTS[name], good, folder, reasons) for folder in folders]
        assert tree(home) == before
        assert state(good.release) == said
        one, again = made
        if one is None:
            assert again is None
            continue
        assert again is not None
        assert state(one) == state(again)
        assert tree(folders[0]) == tree(folders[1])
        assert broken(good, one)
        return
    pytest.fail("; ".join(reasons))


def attempt(fault: Fault, good: Good, folder: Path, reasons: list[str]) -> Release | None:
    """The broken release, or None when it cannot happen; any other error is one."""
    try:
        return fault.make(good, folder, 5)
    except NotApplicable as reason:
        reasons.append(reason.message)
        return None


def broken(good: Good, made: Release) -> bool:
    """Whether anything about a release is another than the good one's."""
    if not made.model.exists() or state(made) != state(good.release):
        return True
    return open_model(made.model).digest != good.artifact.digest


def test_the_fault_of_the_how_to_is_a_fault(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-fault.md"
    source = page.read_text("utf-8").split("```python\n")[1].split("```")[0]
    written: dict[str, Any] = {}
    exec(compile(source, page.name, "exec"), written)  # noqa: S102 - our own page
    fault: Fault = written["FAULT"]
    good = networks.good(tmp_path / "good", "onnx")
    made = fault.make(good, tmp_path / "bad", 0)
    assert broken(good, made)
    assert fault.cause in HYPOTHESES
    assert fault.name not in FAULTS
