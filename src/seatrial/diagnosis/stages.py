"""Where deployed and reference part: stage by stage, as far as the reference lets us see."""

from __future__ import annotations

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.result import Divergence
from seatrial.text import Text


def first_stage(case: Case) -> Divergence | None:
    """The first stage that differs, or None where nothing can be compared or nothing differs.

    Args:
        case: The deployed setup has been observed, or is then.
    """
    compared = [
        {"stage": stage, "same": same, "error": error, "detail": ""}
        for stage, same, error in _known_stages(case)
    ]
    first = next((row for row in compared if not row["same"]), None)
    if first is None:
        return None
    share = f"{first['error']:.1%}"
    return Divergence(
        stage=first["stage"],  # type: ignore[arg-type]  # one of the stages below
        detail=Text(f"{share} of the samples differ there.", f"{share} 的样本在这里不同。"),
        compared=tuple(compared),
    )


def _known_stages(case: Case) -> list[tuple[str, bool, float]]:
    from seatrial.diagnosis.agreement import same_numbers

    seen, reference = case.observed, case.reference
    rows: list[tuple[str, bool, float]] = []
    for stage, known, got in (
        ("preprocessed", reference.feeds, seen.feeds),
        ("outputs", reference.outputs, seen.outputs),
    ):
        pairs = [(a, b) for a, b in zip(known or (), got, strict=False) if a is not None]
        if pairs:
            bad = [same_numbers(_arrays(a), _arrays(b)) < 1 for a, b in pairs]
            rows.append((stage, not any(bad), sum(bad) / len(bad)))
    if reference.answers is not None and not seen.agrees.all():
        rows.append(("answers", False, 1 - seen.agreement))
    return rows


def _arrays(value: object) -> list:  # type: ignore[type-arg]
    if value is None:
        return []
    return list(value.values()) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
