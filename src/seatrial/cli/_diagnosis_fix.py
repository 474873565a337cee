"""`--fix`: the corrected contract beside the old one, and the accuracy check before and after."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.checks import Candidate, Profile, Verdict, all_checks, open_trial, run_check
from seatrial.contract import Contract, dump_contract, fingerprinted, read_held_out
from seatrial.contract.labels import as_lines, read_names
from seatrial.contract.revision import free_name, revise
from seatrial.contract.writing import written_beside
from seatrial.contract.yaml_source import parse, read_text
from seatrial.converters import convert
from seatrial.diagnosis import Diagnosis, Setup
from seatrial.errors import SeatrialError, UsageError
from seatrial.model import Artifact
from seatrial.text import Text


@dataclass(frozen=True)
class Written:
    """The corrected contract.

    Attributes:
        path: Where it lies.
        contract: As it says.
    """

    path: Path
    contract: Contract


def outside_contract(found: Diagnosis, deployed: Setup) -> bool:
    """Whether the fix, or a part of it, is nothing that a contract says: weights, runtime, version."""
    setup = found.setup
    changed = [
        setup.artifact is not deployed.artifact,
        setup.runtime != deployed.runtime,
        setup.options != deployed.options,
        setup.payload is not deployed.payload,
        setup.outputs is not deployed.outputs,
        dict(setup.where) != dict(deployed.where),
        setup.batch != deployed.batch,
    ]
    return any(changed)


def write_fixed(contract: Contract, old: Path) -> Written:
    """Writes the corrected contract beside the old one; never over anything.

    Args:
        contract: As it should be.
        old: The file it is to replace; where there is none, the name it would have.

    Raises:
        UsageError: It cannot be written.
    """
    contract = fingerprinted(replace(contract, root=old.parent))
    target = free_name(old)
    for what, name in contract.files.items():
        contract = _with_names(contract, what, name, target)
    text = revise(read_text(old), contract, name=old.name) if old.is_file() else dump_contract(contract)
    _write_new(target, text.encode())
    return Written(target, contract)


def _with_names(contract: Contract, what: str, name: str, target: Path) -> Contract:
    """A list kept in a file that changed goes into a new file beside the contract."""
    data = as_lines(getattr(contract, what))
    beside = contract.root / name
    try:
        if beside.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n") == data:
            return contract
    except OSError:
        pass  # then the new file is the only one
    if beside.exists() and read_names(beside) == getattr(contract, what):
        return contract
    own = target.with_name(f"{target.stem}.{what}.txt")
    _write_new(own, data)
    return replace(contract, files={**contract.files, what: own.name})


def _write_new(path: Path, data: bytes) -> None:
    """All of it or nothing, and never over a file that is there."""
    try:
        with written_beside(path, data) as ready:
            path.hardlink_to(ready)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror}") from error


def line_of(file: Path | None) -> Callable[[Sequence[str | int]], Text]:
    """Says where something stands in a contract file: `contract.yaml line 14`."""
    if file is None:
        return lambda _: Text("", "")
    source = parse(read_text(file), file.name, aliases=True)

    def place(path: Sequence[str | int]) -> Text:
        said = source.place(path).partition(",")[0]
        return Text(said, said.replace(" line ", " 第 ") + " 行")

    return place


def accuracy_of(
    artifact: Artifact, contract: Contract, data: Path, profile: Profile, *, seed: int
) -> tuple[str, str]:
    """Verdict and sentence of the accuracy check on one contract; labels that do not fit it are an ERROR."""
    check = next(each for each in all_checks() if each.name == "accuracy")
    try:
        held_out = read_held_out(data, contract=contract)
        candidate = Candidate(artifact, contract, held_out, profile, seed=seed)
        with (
            tempfile.TemporaryDirectory(prefix="seatrial-") as scratch,
            open_trial(candidate, Path(scratch), convert=convert) as trial,
        ):
            result = run_check(check, trial)
    except SeatrialError as error:
        return Verdict.ERROR.value, error.message
    score = next((each for each in result.findings if each.id == check.headline), None)
    said = score.summary.en if score else (result.error.splitlines() or [""])[0]
    return result.verdict.value, said
