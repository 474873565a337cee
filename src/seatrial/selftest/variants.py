"""Good releases made another way: other threads, other switches, files written anew, a busy machine.

None of them may be refused. Each is a release like a fault's, without the fault.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seatrial.checks import Profile
from seatrial.contract import feeds_of
from seatrial.errors import UnsupportedModel
from seatrial.faults import Good, NotApplicable, Release
from seatrial.model.editing import rewrite
from seatrial.runtimes import all_runtimes, available_runtimes
from seatrial.selftest.subject import unpinned
from seatrial.text import Text

_BUSY = "while True: pass"


@dataclass(frozen=True)
class Making:
    """What a variant is made with.

    Attributes:
        good: The good release.
        profile: Where it will run.
        folder: An empty folder for new files.
        convert: `seatrial.converters.convert`, or something with its arguments.
    """

    good: Good
    profile: Profile
    folder: Path
    convert: Callable[..., Any]


@dataclass(frozen=True)
class Variant:
    """One way to make a good release.

    Attributes:
        name: Short.
        title: What is different, for people.
        make: Makes the release; raises `NotApplicable` where it cannot be made.
        busy: A process that does nothing but compute runs beside the gate.
        accepted: The release is judged against the accepted baseline; a new file format is not.
        fits: Why it cannot be made of this release; empty when it can.
    """

    name: str
    title: Text
    make: Callable[[Making], Release]
    busy: bool = False
    accepted: bool = True
    fits: Callable[[Good, Profile], str] = lambda _good, _profile: ""


def _copied(making: Making) -> Release:
    release = making.good.release
    home = release.model.parent
    shutil.copytree(home, making.folder / "copy")
    return replace(release, model=making.folder / "copy" / release.model.name)


def _with(**changes: Any) -> Callable[[Making], Release]:
    def make(making: Making) -> Release:
        return replace(making.good.release, profile=changes)

    return make


def _threads(count: int) -> Variant:
    def fits(_good: Good, profile: Profile) -> str:
        return "" if profile.threads != count else f"the profile runs with {count} threads anyway"

    title = Text(f"{count} thread{'s' if count > 1 else ''}", f"{count} 个线程")
    return Variant(f"threads-{count}", title, _with(threads=count), fits=fits)


def _switched(name: str, title: Text, runtime: str, switches: Mapping[str, bool]) -> Variant:
    def fits(good: Good, profile: Profile) -> str:
        installed = available_runtimes(good.artifact)
        serving = profile.runtime if profile.runtime in installed else next(iter(installed), "nothing")
        if serving != runtime:
            return f"it is served by {serving}, not by {runtime}"
        known = all_runtimes()[runtime].switches
        return "" if set(switches) <= set(known) else f"{runtime} has no such switch"

    def make(making: Making) -> Release:
        engine = {**making.profile.engine, **switches}
        return replace(making.good.release, profile={"engine": engine})

    return Variant(name, title, make, fits=fits)


def _rewritten(making: Making) -> Release:
    release = making.good.release
    try:
        graph = rewrite(making.good.artifact, making.folder / "rewritten")
    except UnsupportedModel as error:
        raise NotApplicable(error.message) from error
    return replace(release, model=graph)


def _no_onnx(good: Good, _profile: Profile) -> str:
    return "it is ONNX already" if good.artifact.format == "onnx" else ""


def _as_onnx(making: Making) -> Release:
    release, artifact = making.good.release, making.good.artifact
    samples = feeds_of(release.contract, release.held_out, limit=12)
    try:
        made = making.convert(artifact, "onnx", making.folder / "onnx", samples=samples)
    except UnsupportedModel as error:
        raise NotApplicable(error.message) from error
    return replace(release, model=made.artifact.graph, contract=unpinned(release.contract))


VARIANTS: tuple[Variant, ...] = (
    Variant("copied", Text("copied elsewhere", "复制到别处"), _copied),
    _threads(1),
    _threads(2),
    _threads(4),
    _switched("onednn-off", Text("oneDNN off", "关闭 oneDNN"), "paddle", {"onednn": False}),
    _switched("fusion-off", Text("graph optimisation off", "关闭图优化"), "paddle", {"ir_optim": False}),
    _switched(
        "spinning-off",
        Text("idle threads of ONNX Runtime sleep", "ONNX Runtime 的空闲线程休眠"),
        "onnxruntime",
        {"spinning": False},
    ),
    Variant("as-onnx", Text("converted to ONNX", "转换为 ONNX"), _as_onnx, accepted=False, fits=_no_onnx),
    Variant("rewritten", Text("files written anew", "文件重新写出"), _rewritten),
    Variant("busy-machine", Text("beside a busy process", "与繁忙进程同机运行"), _with(), busy=True),
)


@contextmanager
def company(*, busy: bool) -> Iterator[None]:
    """A process that does nothing but compute, for as long as this lasts."""
    if not busy:
        yield
        return
    process = subprocess.Popen([sys.executable, "-S", "-c", _BUSY])  # noqa: S603 - our own interpreter and words
    try:
        yield
    finally:
        process.kill()
        process.wait()


def fitting(good: Good, profile: Profile) -> tuple[Variant, ...]:
    """The variants that can be made of this release."""
    return tuple(each for each in VARIANTS if not each.fits(good, profile))
