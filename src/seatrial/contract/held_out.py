"""Reads held-out sets as people keep them: arrays, folders of images with a list, tables of text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seatrial.contract._held_out_arrays import read_arrays
from seatrial.contract._held_out_files import digest_of_samples, payload_digest
from seatrial.contract._held_out_images import read_folder, read_list
from seatrial.contract._held_out_labels import checked_label
from seatrial.contract._held_out_masks import mask_of
from seatrial.contract._held_out_tables import read_table
from seatrial.contract.contract import Contract
from seatrial.contract.sample import HeldOut, Sample
from seatrial.errors import ContractViolation, NotFound, UsageError

__all__ = ["feeds_of", "payload_digest", "read_held_out"]

TABLES = (".csv", ".tsv", ".jsonl")


def read_held_out(
    path: Path, *, contract: Contract | None = None, members: Path | None = None, limit: int | None = None
) -> HeldOut:
    """Reads a labelled set.

    Args:
        path: `.npz` with arrays by input name and `label`; `.csv`, `.tsv` or `.jsonl` with `text` (or
            `image`) and `label`; a list `file<TAB>label` (`.txt`); or a folder of images with `labels.txt`,
            `label.txt`, `rec_gt.txt`, `labels.csv` or `labels.jsonl`, or with one folder a class. Columns
            or arrays whose name begins with `slice_` (other columns too, in tables) name groups. The label
            of a segmentation model is the name of an image of class indices.
        contract: When given, labels and arrays are checked against it, and class names become indices.
        members: A set the model was trained on, in any of these forms.
        limit: Read at most this many samples, from the first on.

    Raises:
        NotFound: There is no such file or folder, or a file in the list is missing.
        UsageError: It is empty, unreadable or in none of these forms.
        ContractViolation: A label or an array does not fit the contract, or an image cannot be read.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"a set holds 1 sample or more, not {limit}")
    samples = _labelled(_read(path, contract, limit), contract, path)
    others = _labelled(_read(members, contract, limit), contract, members) if members is not None else ()
    return HeldOut(samples, digest_of_samples(samples), str(path), others)


def feeds_of(contract: Contract, held_out: HeldOut, *, limit: int = 32) -> list[dict[str, Any]]:
    """Feeds of the first samples that can be prepared, each with a batch axis of 1."""
    feeds = []
    for sample in held_out.samples[:limit]:
        try:
            feeds.append(contract.prepare(sample.payload)[0])
        except ContractViolation:
            continue  # an unreadable sample is a finding of the accuracy check, not of a conversion
    return feeds


def _read(path: Path, contract: Contract | None, limit: int | None) -> list[Sample]:
    try:
        if not path.exists():
            raise NotFound(f"there is no held-out set '{path}'", hint="name a file or a folder that exists")
        if path.is_dir():
            return read_folder(path, limit)
        if path.suffix == ".npz":
            return read_arrays(path, contract, limit)
        if path.suffix in TABLES:
            return read_table(path, limit)
        if path.suffix == ".txt":
            return read_list(path, limit)
    except OSError as error:
        raise UsageError(f"'{error.filename or path}' cannot be read: {error.strerror}") from error
    raise UsageError(
        f"'{path}' is no held-out set that can be read",
        hint="give .npz, .csv, .tsv, .jsonl, a list (.txt) or a folder of images",
    )


def _labelled(samples: list[Sample], contract: Contract | None, path: Path) -> tuple[Sample, ...]:
    if not samples:
        raise UsageError(f"the held-out set '{path}' is empty", hint="at least one labelled sample is needed")
    if contract is not None and contract.task == "segmentation":
        folder = path if path.is_dir() else path.parent
        return tuple(
            Sample(each.key, each.payload, mask_of(each.label, folder, contract, each.key), each.slices)
            for each in samples
        )
    return tuple(
        Sample(each.key, each.payload, checked_label(each.label, contract, each.key), each.slices)
        for each in samples
    )
