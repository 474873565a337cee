"""A C++ SDK as a receiver has it: written out, compiled, and the golden vectors beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.contract import Contract
from seatrial.deliverables import Vector
from seatrial.deliverables._payloads import packed
from seatrial.deliverables._sdk_cpp import sources, unicode_tables
from seatrial.deliverables.samples import DELIVERABLE as SAMPLES
from seatrial.deliverables.sdk_cpp import sdk_files
from support import cpp_builds, handovers, onnxruntime_sdk

_OF_CONTRACT = {"pipeline.cpp", "names.cpp", "model.cpp", "client.cpp", "unicode_tables.cpp"}
_FLAGS = ("-O0", "-ffp-contract=off")  # compiled often, run briefly


def library(folder: Path) -> list[Path]:
    """Objects of everything that no contract changes, in `folder`."""
    cpp_builds.needs("g++")
    flags, _ = cpp_builds.jpeg_flags()
    steps = [path.stem for path in sorted((sources.LIBRARY / "steps").glob("*.hpp"))]
    files = sources.library_files(steps, more=("http.hpp",))
    (folder / "unicode_tables.cpp").write_text(unicode_tables.tables_source())
    bodies = [sources.LIBRARY / each for each in files if each.endswith(".cpp") and each not in _OF_CONTRACT]
    flags = [*flags, *_FLAGS, "-I", str(sources.LIBRARY)]
    return cpp_builds.compile_all([*bodies, folder / "unicode_tables.cpp"], folder / "objects", flags)


def vectors(
    contract: Contract, payloads: Sequence[Any], run: Callable[[Mapping[str, Any]], list[np.ndarray]]
) -> tuple[Vector, ...]:
    """Golden vectors of these payloads, as Python's pipelines make them."""
    found = []
    for place, payload in enumerate(payloads):
        kind, suffix, data = packed(payload, contract)
        feeds, context = contract.prepare(payload)
        outputs = run(feeds)
        answer = contract.answer(outputs, 0, context)
        named = {spec.name: array for spec, array in zip(contract.outputs, outputs, strict=True)}
        found.append(Vector(f"{place:03}", kind, suffix, data, feeds, named, answer))
    return tuple(found)


def lay_out(folder: Path, contract: Contract, golden: tuple[Vector, ...], *, name: str = "demo") -> Path:
    """`sdk/cpp` and `samples` as they lie in a bundle; gives the folder of the SDK."""
    made = dataclasses.replace(
        handovers.network_handover(folder / "made"), name=name, contract=contract, vectors=golden
    )
    for item in SAMPLES.make(made):
        target = folder / item.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(item.content if isinstance(item.content, bytes) else item.content.read_bytes())
    sdk = folder / "sdk" / "cpp"
    for path, content in sdk_files(contract, name, "1.0.0").items():
        (sdk / path).parent.mkdir(parents=True, exist_ok=True)
        (sdk / path).write_text(content, "utf-8")
    return sdk


def program(
    sdk: Path,
    source: str,
    objects: Sequence[Path],
    *,
    flags: Sequence[str] = (),
    libraries: Sequence[str] = (),
) -> Path:
    """One program of an SDK, such as `golden_test.cpp`, over the library's objects."""
    parts = ["seatrial/pipeline.cpp", "seatrial/names.cpp", source]
    if "-DSEATRIAL_WITH_ONNXRUNTIME" in flags:
        parts.append("seatrial/model.cpp")
    if source.endswith("http_client.cpp"):
        parts.append("seatrial/client.cpp")
    own = _compiled([sdk / each for each in parts], sdk, objects[0].parent, (*_FLAGS, *flags))
    target = sdk / "build" / f"{Path(source).stem}.bin"
    target.parent.mkdir(exist_ok=True)
    _, jpeg = cpp_builds.jpeg_flags()
    return cpp_builds.link([*own, *objects], target, [*jpeg, *libraries])


def _compiled(files: Sequence[Path], sdk: Path, kept: Path, flags: Sequence[str]) -> list[Path]:
    """Objects; what two SDKs have in common is compiled once. Of the headers only the answer's differs."""
    answer = (sdk / "seatrial" / "answer.hpp").read_bytes()
    made = []
    for path in files:
        told = hashlib.sha256(b"\0".join([path.read_bytes(), answer, " ".join(flags).encode()])).hexdigest()[
            :12
        ]
        target = kept / told / f"of.{path.stem}.o"
        if not target.exists():
            cpp_builds.compile_all([path], kept / told / "of", flags)
        made.append(target)
    return made


def onnxruntime_flags() -> tuple[list[str], list[str]]:
    """For the compiler and the linker; skips where the headers are not."""
    sdk, library = onnxruntime_sdk.sdk(), onnxruntime_sdk.library()
    folder = Path(os.environ["SEATRIAL_SIDE"]) / "cache" / "onnxruntime-lib"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        if (folder / name).resolve() != library:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(library)
    flags = ["-DSEATRIAL_WITH_ONNXRUNTIME", "-isystem", str(sdk / "include")]
    return flags, ["-L", str(folder), "-lonnxruntime", f"-Wl,-rpath,{folder}"]


def run(*words: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """A program's end, which must be `expect`."""
    done = subprocess.run([str(word) for word in words], text=True, capture_output=True, timeout=120)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def answers(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """JSON, one answer a line."""
    return [json.loads(line) for line in done.stdout.splitlines()]
