"""ONNX Runtime for programs that are no Python: what they are compiled with, and the library of the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial import tools


def sdk() -> Path:
    """The tool's folder; skips where it is not."""
    found = tools.find("onnxruntime-sdk")
    if found is None:
        pytest.skip("needs the tool onnxruntime-sdk: seatrial doctor onnxruntime-sdk | sh -eu")
    return found.path


def jar() -> Path:
    """Its Java classes; skips where there was no JDK when it was made."""
    found = sdk() / "onnxruntime.jar"
    if not found.is_file():
        pytest.skip("the tool onnxruntime-sdk was made without a JDK and a C compiler")
    return found


def library() -> Path:
    """The wheel's library."""
    import onnxruntime

    return next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*")).resolve()
