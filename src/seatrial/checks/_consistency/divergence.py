"""Where two sessions part, and which switch brings them together again (`M05`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seatrial.checks._finding import Chart, Series, Text
from seatrial.errors import SeatrialError, UsageError
from seatrial.runtimes import Localisation, Session, SessionOptions, first_divergence, flow_of

Feed = Mapping[str, Any]
MOST_BARS = 60


@dataclass(frozen=True)
class Divergence:
    """What was found out about a difference.

    Attributes:
        where: Label of the first operator that diverges, or empty.
        text: The finding in words.
        chart: Error by operator, or None.
    """

    where: str
    text: Text
    chart: Chart | None


def localise(reference: Session, variant: Session, feed: Feed, *, tolerance: float) -> Divergence:
    """Traces both sessions on one input and names the first operator that diverges.

    A session that cannot be traced costs the place, never the finding: then the text says why.
    """
    try:
        ours = reference.trace(feed)
        theirs = variant.trace(feed)
    except SeatrialError as error:
        return Divergence(
            "",
            Text(f"The operators could not be traced: {error.message}", f"无法逐算子跟踪：{error.message}"),
            None,
        )
    found = first_divergence(ours, theirs, tolerance=tolerance)
    if found.aligned_by != "label":  # two graphs: who reads whom tells branches apart
        found = first_divergence(ours, theirs, tolerance=tolerance, flow=flow_of(reference.artifact, ours))
    return Divergence(found.first.label if found.first else "", _words(found), chart(found))


def _words(found: Localisation) -> Text:
    if found.first is None:
        return Text(
            f"All {found.compared} operators agree when traced one by one, so the difference comes from "
            "fusion or from kernels that tracing switches off.",
            f"逐算子跟踪时 {found.compared} 个算子全部一致，差异来自图融合或被跟踪关闭的内核。",
        )
    error = "another shape or NaN" if found.first.error == float("inf") else f"{found.first.error or 0:.2g}"
    after = after_zh = ""
    if found.last_good is not None:
        after = f"; the last one that agrees before it is {found.last_good.label}"
        after_zh = f"；在它之前最后一个一致的算子是 {found.last_good.label}"
    return Text(
        f"The first operator that diverges is {found.first.label} ({found.first.operator}), "
        f"relative error {error}{after}.",
        f"第一个出现偏差的算子是 {found.first.label}（{found.first.operator}），相对误差 {error}{after_zh}。",
    )


def chart(found: Localisation) -> Chart | None:
    """Error by operator as bars, on a logarithmic axis; the interesting part where there are many."""
    bars = [(each.label, min(each.error, 1e3)) for each in found.errors if each.error is not None]
    if not bars:
        return None
    if len(bars) > MOST_BARS:
        labels = [label for label, _ in bars]
        center = labels.index(found.first.label) if found.first and found.first.label in labels else 0
        start = max(0, min(center - MOST_BARS // 3, len(bars) - MOST_BARS))
        bars = bars[start : start + MOST_BARS]
    return Chart(
        Text("Error by operator", "各算子误差"),
        "bar",
        "operator, in order of execution",
        "scale-relative error",
        (Series("error", tuple(label for label, _ in bars), tuple(max(each, 1e-9) for _, each in bars)),),
        y_log=True,
    )


def find_cause(
    options: SessionOptions, runtime: str, agrees: Callable[[SessionOptions], bool]
) -> tuple[str, Text] | None:
    """Finds the optimisation behind a difference by switching one thing off at a time.

    Args:
        options: Of the variant that disagrees.
        runtime: Its runtime; the switches depend on it.
        agrees: Whether the variant with these options agrees with the reference.

    Returns:
        The switch and a sentence, or None when no single switch helps.
    """
    for name, en, zh, changed in _switches(options, runtime):
        try:
            if agrees(changed):
                return name, Text(
                    f"With {en} switched off the difference is gone: it is the cause.",
                    f"关闭{zh}后差异消失：原因就在于此。",
                )
        except UsageError:
            continue  # this engine has no such switch
        except SeatrialError:
            continue  # it does not even load that way: no answer about this switch
    return None


def _switches(options: SessionOptions, runtime: str) -> list[tuple[str, str, str, SessionOptions]]:
    found = []
    if runtime == "paddle" and options.engine.get("onednn", True):
        off = replace(options, engine={**options.engine, "onednn": False})
        found.append(("onednn", "oneDNN", " oneDNN ", off))
    if options.optimize:
        found.append(("optimize", "graph optimisation", "图优化", replace(options, optimize=False)))
    if options.threads > 1:
        found.append(("threads", "multi-threading", "多线程", replace(options, threads=1)))
    if options.precision != "float32":
        found.append(
            ("precision", options.precision, f" {options.precision} ", replace(options, precision="float32"))
        )
    return found
