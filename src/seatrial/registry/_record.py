"""One accepted baseline, and the digest that chains it to the one before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from seatrial.errors import TrustError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = (
    "name", "model_name", "model_digest", "data_digest", "preprocess_digest", "environment_digest",
    "model_path", "figures", "accepted_by", "reason", "accepted_at",
)  # fmt: skip


@dataclass(frozen=True)
class BaselineRecord:
    """Accepted numbers of an earlier run, as they are kept.

    Attributes:
        name: Given by the person who accepted it.
        model_name: Name of the model in its contract.
        model_digest: Digest of the model that was accepted.
        data_digest: Digest of the held-out set.
        preprocess_digest: Digest of the contract's pre- and postprocessing.
        environment_digest: Digest of machine and versions; latency only compares within one.
        model_path: Where the accepted model lay then; may be gone.
        figures: What each check recorded, by check name.
        accepted_by: Person.
        reason: Why.
        accepted_at: UTC.
        sequence: Its place in the history of this database, from 1.
    """

    name: str
    model_name: str
    model_digest: str
    data_digest: str
    preprocess_digest: str
    environment_digest: str
    model_path: str
    figures: Mapping[str, Mapping[str, Any]]
    accepted_by: str
    reason: str
    accepted_at: datetime
    sequence: int = 0

    def row(self) -> tuple[str, ...]:
        """The values of `COLUMNS`, as text."""
        kept = {name: getattr(self, name) for name in COLUMNS}
        kept["figures"] = figures_text(self.figures)
        kept["accepted_at"] = self.accepted_at.astimezone(UTC).isoformat()
        return tuple(str(kept[name]) for name in COLUMNS)


def figures_text(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures as JSON.

    Raises:
        UsageError: A figure is no JSON value.
    """
    try:
        return json.dumps(
            {check: dict(values) for check, values in figures.items()}, sort_keys=True, ensure_ascii=False
        )
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the figures of this report cannot be kept: {error}",
            hint="accept the report.json of a finished run",
        ) from error


def chained(before: str, row: tuple[str, ...]) -> str:
    """`sha256:...` over a row and the digest of the row before it: no row can change or go unseen."""
    text = json.dumps([before, *row], ensure_ascii=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def record_from(sequence: int, row: tuple[str, ...]) -> BaselineRecord:
    """The record of a row.

    Raises:
        TrustError: The row is not as it was written.
    """
    kept = dict(zip(COLUMNS, row, strict=True))
    try:
        figures = json.loads(kept.pop("figures"))
        accepted_at = datetime.fromisoformat(kept.pop("accepted_at"))
    except (TypeError, ValueError) as error:
        raise TrustError(
            f"baseline {sequence} is damaged: {error}", hint="restore the database from a copy"
        ) from error
    return BaselineRecord(**kept, figures=figures, accepted_at=accepted_at, sequence=sequence)
