"""What lies in the delivered files that should not: the scan behind the security check (`M08`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.checks._security.content import Blob, Walk, kind_of
from seatrial.checks._security.pickles import looks_like_pickle, scan_stream
from seatrial.checks._security.secrets import scan_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".pdparams", ".pdopt", ".pt", ".pth", ".joblib"})
CONFIG_SUFFIXES = frozenset(
    {".yaml", ".yml", ".json", ".ini", ".cfg", ".toml", ".env", ".py", ".sh", ".ipynb"}
)
CONFIG_LIMIT = 2 << 20  # a graph in JSON is no configuration
# A dtype of Python objects, alone or as a field: `|O`, `O`, `|O8`, in either quotes.
_OBJECTS = re.compile(rb"""['"][|<>=]?O\d*['"]""")
_NPY_HEADER = 1 << 20
_ENOUGH = 1 << 16  # bytes in which a pickle without a header shows that it calls something
# An external tensor in onnx.proto: StringStringEntryProto {key: "location", value: NAME}.
_EXTERNAL = re.compile(rb"\x0a\x08location\x12(.)([^\x00-\x1f]{1,127})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Threat:
    """One thing found. `code` is a key of the security check's table of causes."""

    code: str
    where: str
    what: str


@dataclass
class Scan:
    """Everything one walk over the delivered files found.

    Attributes:
        threats: In the order found.
        blobs: Files and archive members looked at.
        pickles: Of them, pickles walked.
        bytes: Bytes read.
    """

    threats: list[Threat] = field(default_factory=list)
    blobs: int = 0
    pickles: int = 0
    bytes: int = 0

    def of(self, *codes: str) -> list[Threat]:
        """The threats with one of these codes."""
        return [each for each in self.threats if each.code in codes]


def scan_files(paths: Sequence[Path]) -> Scan:
    """Looks into every file and every archive member, by content; nothing is executed or unpickled."""
    scan, walk = Scan(), Walk()
    for blob in walk.blobs(tuple(paths)):
        scan.blobs += 1
        scan.bytes += blob.size
        _pickle(blob, scan)
        _external_data(blob, scan)
        _code(blob, scan)
        blob.stream.seek(0)
        keywords = blob.suffix in CONFIG_SUFFIXES and blob.size <= CONFIG_LIMIT
        for leak in scan_text(blob.stream, keywords=keywords):
            scan.threats.append(
                Threat(leak.code, f"{blob.where}@{leak.position}", f"{leak.kind}: {leak.shown}")
            )
        blob.stream.seek(0)
    scan.threats += [Threat(f"archive-{each.code}", each.where, each.what) for each in walk.threats]
    return scan


def _pickle(blob: Blob, scan: Scan) -> None:
    head = blob.head()
    start = 0
    if kind_of(head) == "npy":
        start = _npy_data(head)
        if not _OBJECTS.search(blob.head(min(start, _NPY_HEADER))):
            return
        scan.threats.append(
            Threat("pickle-object-array", blob.where, "an array of objects, loaded by unpickling")
        )
    elif not _is_pickle(blob, head):
        return
    blob.stream.seek(start)
    found, walked = scan_stream(blob.stream)
    blob.stream.seek(0)
    scan.pickles += walked
    for each in found:
        if each.code in ("corrupt", "trailing") and kind_of(head) == "text" and not looks_like_pickle(head):
            continue  # a text of another kind under a pickle's name
        scan.threats.append(Threat(f"pickle-{each.code}", f"{blob.where}@{each.position}", each.what))


def _is_pickle(blob: Blob, head: bytes) -> bool:
    """By content; a file named like one that is none will be reported as broken, unless it is an archive."""
    if looks_like_pickle(blob.head(_ENOUGH)):
        return True
    return blob.suffix in PICKLE_SUFFIXES and blob.size > 0 and kind_of(head) in {"binary", "text"}


def _npy_data(head: bytes) -> int:
    """Where the data of an .npy file starts (NumPy enhancement proposal 1)."""
    if head[6:7] == b"\x01":
        return 10 + int.from_bytes(head[8:10], "little")
    return 12 + int.from_bytes(head[8:12], "little")


def _external_data(blob: Blob, scan: Scan) -> None:
    """Names of external tensors that lead out of the model's folder."""
    if blob.suffix not in {".onnx", ".ort", ""} and not blob.head(64).startswith(b"\x08"):
        return
    blob.stream.seek(0)
    tail = b""
    seen: set[str] = set()
    while chunk := blob.stream.read(8 << 20):
        data = tail + chunk
        for match in _EXTERNAL.finditer(data):
            name = match.group(2)[: match.group(1)[0]].decode("utf-8", "replace")
            plain = name.replace("\\", "/")
            outside = plain.startswith("/") or ".." in plain.split("/") or plain[1:2] == ":"
            if outside and name not in seen:
                seen.add(name)
                scan.threats.append(Threat("external-data", blob.where, name))
        tail = data[-256:]
    blob.stream.seek(0)


def _code(blob: Blob, scan: Scan) -> None:
    kind = kind_of(blob.head())
    if kind in {"elf", "pe"}:
        scan.threats.append(Threat("machine-code", blob.where, f"{kind.upper()} machine code"))
