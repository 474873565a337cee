"""Reads the golden vectors of a bundle back from `samples/vectors.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.contract import Contract
from seatrial.contract.sample import Array, Payload
from seatrial.deliverables._payloads import read_npy, unpacked
from seatrial.errors import ContractViolation, NotFound, TrustError, UsageError
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import safe_path

FOLDER = "samples"
NAME = f"{FOLDER}/vectors.json"
FORMAT = "seatrial/vectors/1"


@dataclass(frozen=True)
class Listed:
    """One golden vector as its bundle has it.

    Attributes:
        name: `000`...
        payload: What the pipeline starts from.
        feeds: What the preprocessing must make of it.
        outputs: What the model gives, in the contract's order.
        answer: What the postprocessing must make of those.
    """

    name: str
    payload: Payload
    feeds: Mapping[str, Array]
    outputs: Mapping[str, Array]
    answer: Any


def read_listing(bundle: Bundle, contract: Contract) -> Iterator[Listed]:
    """The golden vectors of a bundle, one by one; none when it carries none.

    Only files that the manifest lists are read, each compared with its digest. A sealed bundle that is open
    in memory is read as well.

    Raises:
        ContractViolation: The listing or a file of it is damaged.
        NotFound: It names a file that the manifest does not list.
        TrustError: A file is not the one that was delivered.
        UsageError: It is of a format that this version does not know.
    """
    if bundle.manifest.file(NAME) is None:
        return
    try:
        listing = json.loads(_bytes(bundle, "vectors.json"))
        if listing["format"] != FORMAT:
            raise UsageError(
                f"{NAME} is of the format {listing['format']!r}, and this version reads {FORMAT!r}",
                hint="take the version of Seatrial that wrote the bundle",
            )
        for line in listing["vectors"]:
            yield _vector(bundle, contract, line, listing["outputs"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractViolation(f"{NAME} is damaged: {type(error).__name__}: {error}") from error


def _vector(bundle: Bundle, contract: Contract, line: Mapping[str, Any], outputs: list[str]) -> Listed:
    payload = str(line["payload"])
    suffix = "." + payload.rpartition(".")[2]
    return Listed(
        name=str(line["name"]),
        payload=unpacked(line["kind"], suffix, _bytes(bundle, payload), contract),
        feeds={name: read_npy(_bytes(bundle, path)) for name, path in line["feeds"].items()},
        outputs={name: read_npy(_bytes(bundle, line["outputs"][name])) for name in outputs},
        answer=line["answer"],
    )


def _bytes(bundle: Bundle, name: str) -> bytes:
    path = safe_path(f"{FOLDER}/{name}")
    entry = bundle.manifest.file(path)
    if entry is None:
        raise NotFound(f"{NAME} names {path}, which the manifest does not list")
    data = bundle.path(entry).read_bytes()
    found = "sha256:" + hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise TrustError(
            f"changed: {path} has the digest {found}, expected {entry.sha256}",
            hint="what was received is not what was handed over: ask for the bundle again",
        )
    return data
