"""Lines and images of held-out sets, and the digest that does not depend on where they lie."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seatrial.contract.sample import Sample
from seatrial.errors import ContractViolation, NotFound, UsageError

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif")


def text_of(path: Path) -> str:
    """A text file, its line breaks as they are on Linux.

    Raises:
        UsageError: The file is not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"'{path.name}' is not UTF-8 (byte {error.start})", hint="save it as UTF-8"
        ) from error
    return text.replace("\r\n", "\n")


def lines_of(path: Path) -> list[tuple[int, str]]:
    """Lines that hold something, with their numbers from 1; only line breaks are cut off."""
    lines = enumerate(text_of(path).split("\n"), start=1)
    return [(number, line) for number, line in lines if line.strip()]


def image_at(folder: Path, name: str, where: str) -> Path:
    """The image called `name`, looked at just far enough to know that it is one.

    PaddleOCR and PaddleClas write names relative to the list, or with the folder's own name in front.

    Raises:
        NotFound: There is none.
        ContractViolation: It is no image, or it is damaged.
    """
    found = next((folder / part for part in (name, f"../{name}") if (folder / part).is_file()), None)
    if found is None:
        raise NotFound(
            f"{where}: there is no image '{name}' in '{folder}'", hint="check the list, or the folder's name"
        )
    check_image(found, where)
    return found


def check_image(path: Path, where: str) -> None:
    """Looks at an image just far enough to know that it is whole.

    Raises:
        UsageError: It may not be read.
        ContractViolation: It is no image, or it is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                picture.verify()
    except PermissionError as error:
        raise UsageError(f"{where}: '{path.name}' cannot be read: {error.strerror}") from error
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        TypeError,
        Image.DecompressionBombError,
    ) as error:
        raise ContractViolation(f"{where}: '{path.name}' is no image that can be read: {error}") from error


def digest_of_samples(samples: Iterable[Sample]) -> str:
    """`sha256:...` over keys, payloads, labels and slices in their order."""
    total = hashlib.sha256()
    for sample in samples:
        text = json.dumps(
            [sample.key, _plain(sample.label), dict(sample.slices)], sort_keys=True, default=str
        )
        total.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        total.update(payload_digest(sample.payload))
    return "sha256:" + total.hexdigest()


def payload_digest(payload: Any) -> bytes:
    """sha256 of what a sample is, wherever it lies.

    Raises:
        OSError: Its file cannot be read.
    """
    if isinstance(payload, Path):
        with payload.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    if isinstance(payload, str):
        return hashlib.sha256(b"text" + payload.encode("utf-8", "surrogatepass")).digest()
    if isinstance(payload, bytes):
        return hashlib.sha256(payload).digest()
    parts = payload if isinstance(payload, Mapping) else {"": payload}
    total = hashlib.sha256()
    for name, array in sorted(parts.items()):
        total.update(f"{name} {array.dtype.str} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.digest()


def _plain(label: Any) -> Any:
    if isinstance(label, np.ndarray):
        return {"dtype": label.dtype.str, "shape": label.shape, "sha256": payload_digest(label).hex()}
    return label
