"""A quantization as a page and as data: figures before and after, every candidate, what each layer costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import __version__
from seatrial.checks import Chart, Series, drawing, one_line, page
from seatrial.cli._quantize_text import figures, verdict
from seatrial.cli.inspect import human_size
from seatrial.text import Text
from seatrial.tune import Attempt, Paired, Quantized, Score, most_costly_first

SCHEMA = "seatrial/quantization/1"
_OWN_CSS = """
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.panel { padding: 6px 24px 20px; }
.panel svg.chart { display: block; width: 100%; max-width: 640px; }
tbody th { font-weight: 400; } tr.best th, tr.best td { font-weight: 650; }
"""
_SHOWN = 24  # layers in the picture; the table has all


def write_document(found: Quantized, folder: Path) -> list[Path]:
    """Writes `quantization.json` and `quantization.html`; returns their places."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page = folder / "quantization.json", folder / "quantization.html"
    data.write_text(json.dumps(as_data(found), indent=2, ensure_ascii=False) + "\n", "utf-8")
    page.write_text(as_page(found), "utf-8")
    return [data, page]


def as_data(found: Quantized) -> dict[str, Any]:
    """Everything that was measured, JSON-able; latencies are the only figures that another run may change."""
    recipe = found.recipe
    return {
        "schema": SCHEMA,
        "seatrial": __version__,
        "mode": recipe.mode,
        "max_drop": recipe.max_drop,
        "reduce_range": recipe.reduce_range,
        "per_channel": recipe.per_channel,
        "calibration": recipe.calibration,
        "samples": {
            "calibration": len(found.split.calibration),
            "held_out": len(found.split.held_out),
            "calibration_digest": found.split.calibration.digest,
            "held_out_digest": found.split.held_out.digest,
        },
        "source": {"digest": found.source.digest, "bytes": found.source.size, **_score(found.reference)},
        "attempts": [_attempt(each) for each in found.attempts],
        "delivered": None if found.delivered is None else found.delivered.digest,
        "in_float": [] if found.winner is None else list(found.winner.keep),
        "layers": [
            {
                "name": each.name,
                "type": each.type,
                "weights": each.weights,
                "sqnr": each.sqnr,
                "agree": each.agree,
            }
            for each in found.costs
        ],
        "against_float": _paired(found.against_float),
        "against_source": _paired(found.against_source),
        "notes": list(found.notes),
        "verdict": verdict(found),
    }


def _score(score: Score) -> dict[str, Any]:
    value = score.value
    return {
        "runtime": score.runtime,
        "metric": score.primary,
        "value": value.value,
        "low": value.low,
        "high": value.high,
    }


def _attempt(each: Attempt) -> dict[str, Any]:
    told: dict[str, Any] = {
        "in_float": list(each.keep),
        "between": each.between,
        "ruling": each.ruling.value,
        "problem": each.problem,
    }
    if each.artifact is not None and each.score is not None and each.drop is not None:
        drop = each.drop
        told |= {"digest": each.artifact.digest, "bytes": each.artifact.size, **_score(each.score)}
        told["drop"] = {
            "value": drop.value,
            "low": drop.low,
            "high": drop.high,
            "lost": drop.lost,
            "won": drop.won,
        }
    return told


def _paired(pair: Paired | None) -> dict[str, Any] | None:
    if pair is None:
        return None
    ratio = pair.ratio
    return {
        "seconds_before": pair.before,
        "seconds_after": pair.after,
        "ratio": ratio.ratio,
        "low": ratio.low,
        "high": ratio.high,
        "bytes_before": pair.memory_before,
        "bytes_after": pair.memory_after,
    }


def as_page(found: Quantized) -> str:
    """The page: self-contained, without a script, in the report's clothes."""
    order = most_costly_first(found.costs)
    winner = found.winner
    return page(
        _template(),
        css=_OWN_CSS,
        found=found,
        show=one_line,
        figures=figures,
        size=human_size,
        verdict_reason=_reason(verdict(found)),
        order=order,
        kept=set(winner.keep) if winner else set(),
        picture=_picture([each for each in order if each.sqnr is not None][:_SHOWN]),
    )


def _reason(said: str) -> str:
    """A verdict without its first word, which is the headline."""
    reason = said.removeprefix("accepted").removeprefix("refused").lstrip(",;: ")
    return reason[:1].upper() + reason[1:]


def _picture(layers: Sequence[Any]) -> str:
    if not layers:
        return ""
    chart = Chart(
        Text("Each layer alone in integers", "仅单层量化"),
        "bar",
        "layer",
        "signal to noise of the answers (dB)",
        (
            Series(
                "signal to noise",
                tuple(each.name for each in layers),
                tuple(float(np.clip(each.sqnr, -20, 120)) for each in layers),
            ),
        ),
    )
    return drawing(chart)


@cache
def _template() -> str:
    return (resources.files("seatrial.cli") / "_quantize.html.j2").read_text("utf-8")
