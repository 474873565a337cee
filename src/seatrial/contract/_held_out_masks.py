"""The truth of a segmentation model: an image whose pixels are class indices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seatrial.contract._held_out_files import image_at
from seatrial.contract.contract import Contract
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation

IGNORED = 255  # PaddleSeg's `ignore_index`: pixels that nobody judged


def mask_of(label: Any, folder: Path, contract: Contract, key: str) -> Array | None:
    """Class indices [height, width], int64, of one sample; None when it is unlabelled.

    Args:
        label: An array, or the name of an image in `folder`.
        folder: Where the list of labels lies.
        contract: Its labels bound the indices.
        key: Of the sample, for errors.

    Raises:
        NotFound: There is no such image.
        ContractViolation: It is no image of indices, or an index has no label.
    """
    if label is None:
        return None
    if isinstance(label, str):
        path = image_at(folder, label, f"sample '{key}'")
        with Image.open(path) as picture:
            if picture.mode not in ("L", "P", "I;16", "I", "1"):
                raise ContractViolation(
                    f"sample '{key}': the mask '{path.name}' has mode {picture.mode}, not one channel",
                    hint="save it as a gray or palette PNG",
                )
            label = np.asarray(picture)
    mask = np.asarray(label)
    if mask.ndim != 2 or mask.dtype.kind not in "biu" or not mask.size:
        raise ContractViolation(
            f"sample '{key}': a mask holds one class index a pixel, not {mask.dtype} with shape {mask.shape}"
        )
    indices = mask.astype(np.int64)
    strange = indices[(indices < 0) | ((indices >= len(contract.labels)) & (indices != IGNORED))]
    if contract.labels and strange.size:
        count = len(contract.labels)
        raise ContractViolation(
            f"sample '{key}': its mask holds class {strange[0]}, and the contract has {count} labels"
        )
    return indices
