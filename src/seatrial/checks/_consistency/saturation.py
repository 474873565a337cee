"""Where the same int8 file gives other answers: sums of 16 bits that saturate, on x86 without VNNI.

There two products of 8 bits each are added up in 16 bits (`vpmaddubsw`), and 255 * 127 * 2 = 64770 is cut to
32767. Weights of 7 bits cannot reach it: 255 * 64 * 2 = 32640. ARM64, WebAssembly and x86 with VNNI add up in
32 bits. ONNX Runtime quantizes to 7 bits with `reduce_range`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.checks._finding import Finding, Text, Verdict
from seatrial.checks._trial import Trial
from seatrial.errors import SeatrialError
from seatrial.model.artifact import Artifact
from seatrial.model.weights import read_parameter

OLDER_X86 = "avx2-onnxruntime"
_SEVEN_BITS = 64


def saturating_weights(artifact: Artifact) -> list[str]:
    """Names of the signed 8-bit weights whose values use the eighth bit. Unsigned ones are added up wider."""
    found = []
    for each in artifact.parameters:
        if each.dtype != "int8" or len(each.shape) < 2 or each.file is None:
            continue
        try:
            values = read_parameter(each)
        except SeatrialError:
            continue
        if values.size and int(np.abs(values.astype("int16")).max()) > _SEVEN_BITS:
            found.append(each.name)
    return found


def has_saturating_sums(flags: str | None = None) -> bool:
    """Whether this machine is an x86 whose sums saturate.

    Args:
        flags: Of the processor, as `/proc/cpuinfo` has them; None: of this one.
    """
    if flags is None:
        try:
            flags = Path("/proc/cpuinfo").read_text("utf-8", "replace")
        except OSError:
            return False
    known = set(flags.split())
    return "avx2" in known and not known & {"avx512_vnni", "avx_vnni"}


def saturation_cause(saturating: list[str]) -> tuple[Text, Text]:
    """Cause and fix of an int8 model that answers otherwise on another processor."""
    if not saturating:
        return (
            Text(
                "The weights use 7 bits, so no 16-bit sum saturates: parts that are computed in floating "
                "point round otherwise, and moved a value to the next step of the grid.",
                "权重只用 7 位，16 位累加不会饱和：以浮点计算的部分舍入不同，"
                "使某个值落到量化网格的相邻一级。",
            ),
            Text(
                "Keep the layers after which it differs in float, or release for one kind of processor.",
                "请让出现差异的层保持浮点，或只为一类处理器发布。",
            ),
        )
    count = len(saturating)
    return (
        Text(
            f"16-bit sums saturate on x86 without VNNI, and {count} weight(s) of this model use all 8 "
            f"bits, the first '{saturating[0]}'; other processors add up in 32 bits.",
            f"无 VNNI 的 x86 以 16 位累加会饱和，而该模型有 {count} 个权重用满 8 位，"
            f"首个为 {saturating[0]}；其他处理器以 32 位累加。",
        ),
        Text(
            "Quantize again with reduce_range (`seatrial quantize` does unless told --full-range): then "
            "every processor gives the same bits. As it is, release it for one kind of processor only.",
            "请启用 reduce_range 重新量化（seatrial quantize 默认如此，除非指定 --full-range），"
            "各处理器即逐位相同；否则只能为一类处理器发布。",
        ),
    )


def unseen_saturation(trial: Trial) -> Finding | None:
    """What nothing that was asked shows: an older x86, where the model may saturate; else None."""
    if OLDER_X86 in trial.profile.also or has_saturating_sums():
        return None
    saturating = saturating_weights(trial.artifact)
    if not saturating:
        return None
    cause, fix = saturation_cause(saturating)
    return Finding(
        "consistency.saturation",
        Verdict.WARN,
        Text(
            f"An x86 without VNNI was not asked, and {len(saturating)} int8 weight(s) may saturate there.",
            f"未测试无 VNNI 的 x86，而有 {len(saturating)} 个 int8 权重可能在其上饱和。",
        ),
        examined=len(trial.artifact.parameters),
        cause=cause,
        fix=Text(f"Ask it too: --also {OLDER_X86}. {fix.en}", f"请一并测试：--also {OLDER_X86}。{fix.zh}"),
        where=saturating[0],
    )
