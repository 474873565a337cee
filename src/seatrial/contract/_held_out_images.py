"""Held-out sets as folders of images: with a list of labels, or one folder a class."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from seatrial.contract._held_out_files import IMAGES, check_image, image_at, lines_of
from seatrial.contract._held_out_tables import read_table
from seatrial.contract.sample import Sample
from seatrial.errors import ContractViolation, UsageError

LISTS = ("labels.txt", "label.txt", "rec_gt.txt", "labels.csv", "labels.tsv", "labels.jsonl")


def read_folder(folder: Path, limit: int | None) -> list[Sample]:
    """Samples of a folder; its list decides, else its folders.

    Raises:
        UsageError: Neither a list nor folders with images, or more than one list.
    """
    lists = [folder / name for name in LISTS if (folder / name).is_file()]
    if len(lists) > 1:
        raise UsageError(
            f"'{folder}' has more than one list of labels: {', '.join(each.name for each in lists)}",
            hint="name the list itself instead of the folder",
        )
    if lists:
        return read_list(lists[0], limit) if lists[0].suffix == ".txt" else read_table(lists[0], limit)
    samples = [
        Sample(f"{kind.name}/{image.name}", image, kind.name)
        for kind in sorted(
            each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")
        )
        for image in sorted(kind.iterdir())
        if image.suffix.lower() in IMAGES
    ][:limit]
    if not samples:
        raise UsageError(
            f"'{folder}' holds neither a list of labels nor folders of images",
            hint="add labels.txt with lines such as `a.png<TAB>label`, or one folder a class",
        )
    for sample in samples:
        if isinstance(sample.payload, Path):
            check_image(sample.payload, sample.key)
    return samples


def read_list(path: Path, limit: int | None) -> list[Sample]:
    """`file<TAB>label` (PaddleOCR; the label may be JSON boxes) or `file label` (PaddleClas), one a line.

    Raises:
        NotFound: A file of the list is missing.
        ContractViolation: A line without a label, or a file that is no image.
    """
    samples = []
    for number, line in lines_of(path)[:limit]:
        where = f"'{path.name}' line {number}"
        name, tab, label = line.partition("\t")
        if not tab:
            # A file name may hold spaces; a class index or name in PaddleClas's lists does not.
            split = re.fullmatch(r"(.*\S)\s+(\S+)", line.strip())
            if split is None:
                raise ContractViolation(f"{where} has no label: {line[:80]!r}", hint="write `file<TAB>label`")
            name, label = split.groups()
        samples.append(Sample(name.strip(), image_at(path.parent, name.strip(), where), _label(label, where)))
    return samples


def _label(text: str, where: str) -> Any:
    """Boxes when the label is PaddleOCR's JSON, else the text as it stands."""
    if not re.match(r'\s*\[\s*(\{\s*"|\]\s*$)', text):
        return text
    try:
        regions = json.loads(text)
        boxes = [[[float(x), float(y)] for x, y in region["points"]] for region in regions]
        texts = [str(region.get("transcription", "")) for region in regions]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ContractViolation(
            f"{where}: the boxes cannot be read: {error}",
            hint='write [{"transcription": "text", "points": [[x, y], [x, y], [x, y], [x, y]]}, ...]',
        ) from error
    return {"boxes": boxes, "texts": texts}
