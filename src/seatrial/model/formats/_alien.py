"""Says what a file is that is no exported model, and what to do about it."""

from __future__ import annotations

import zipfile
from pathlib import Path

from seatrial.model.formats import _pdiparams
from seatrial.model.formats._bytes import head, size_of

_EXPORT = "export a static model with paddle.jit.save, then give the .json (or .pdmodel) file"
_SAVE_AGAIN = "download the file itself: what was saved is a page or a placeholder about it"

# First bytes, what it is, what to do.
_MAGIC = (
    (
        b"\x89HDF\r\n\x1a\n",
        "a Keras or HDF5 file",
        "load it with Keras and save it as .keras, or export a SavedModel",
    ),
    (b"\x93NUMPY", "a NumPy array", "give the model; arrays go to --data"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"BZh", "a bzip2 archive", "unpack it first"),
    (b"\xfd7zXZ\x00", "an xz archive", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (b"GGUF", "a GGUF language model", "serve it with llama.cpp; Seatrial has no runtime for it"),
    (b"\x7fELF", "a program or shared library", "give the model file"),
    (b"%PDF", "a PDF document", "give the model file"),
    (b"\x89PNG", "a PNG picture", "give the model file; pictures go to --data"),
    (b"SEASEAL1", "a sealed file", "give the bundle it is in, and the key that opens it: --unseal-key"),
    (b"\xff\xd8\xff", "a JPEG picture", "give the model file; pictures go to --data"),
)
_INSIDE = ((257, b"ustar", "a tar archive", "unpack it first"),)


def recognise(path: Path) -> tuple[str, str] | None:
    """What the file is and what to do, or None when nothing is known about it."""
    data = head(path)
    if not data:
        return (
            ("an empty file", "copy it again: the copy or the export failed") if size_of(path) == 0 else None
        )
    for start, what, hint in _MAGIC:
        if data.startswith(start):
            return what, hint
    for offset, mark, what, hint in _INSIDE:
        if data[offset : offset + len(mark)] == mark:
            return what, hint
    return _text(data) or _checkpoint(path, data)


def _text(data: bytes) -> tuple[str, str] | None:
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page, most likely an error or log-in page saved in place of the model", _SAVE_AGAIN
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file it points to", "run: git lfs pull"
    if b"/annex/objects/" in data[:512]:
        return "a git-annex pointer, not the file it points to", "run: git annex get"
    return None


def _checkpoint(path: Path, data: bytes) -> tuple[str, str] | None:
    length = int.from_bytes(data[:8], "little")
    if data[8:10] in (b'{"', b"{}") and 2 <= length <= size_of(path) - 8:
        return "weights in safetensors, without a graph", _EXPORT.replace("export", "load them and export", 1)
    if data[0] == 0x80 and len(data) > 2 and data[1] in range(2, 6):
        return _pickle(data)
    if data.startswith(b"PK\x03\x04"):
        return _zip(path)
    if _pdiparams.sniff(path):
        return (
            "a Paddle parameters file, not a graph",
            "put the .json or .pdmodel file of the same export beside it, and give that one",
        )
    return None


def _pickle(data: bytes) -> tuple[str, str]:
    """A pickle is never opened: opening one runs the code in it."""
    if b"StructuredToParameterName@@" in data or b".w_0" in data or b".b_0" in data:
        return "a Paddle training checkpoint (.pdparams, a pickle), not a static export", _EXPORT
    if b"LR_Scheduler" in data or b"moment1_0" in data or b"master_weights" in data:
        return "the state of a Paddle optimizer (.pdopt, a pickle), not a model", _EXPORT
    return "a Python pickle: a training checkpoint or any object, and code when it is opened", _EXPORT


def _zip(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return "a zip archive that is cut off or damaged", "copy it again and compare the sizes"
    if any(name.endswith("data.pkl") for name in names):
        return (
            "a PyTorch checkpoint (a pickle in a zip), not a static export",
            "export with torch.jit.save or torch.onnx.export",
        )
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy arrays (.npz)", "give the model; arrays go to --data"
    return "a zip archive", "unpack it first"
