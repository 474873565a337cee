"""Whether the gate can be trusted: it is shown the user's own release, broken in every way known (M12)."""

from seatrial.selftest.document import read_selftest, selftest_schema, write_selftest
from seatrial.selftest.result import (
    SCHEMA,
    Bound,
    CheckScore,
    FaultRow,
    GoodRow,
    Mark,
    Scores,
    SelfTest,
    Status,
)
from seatrial.selftest.runner import Plan, Step, choose, run_selftest
from seatrial.selftest.subject import Subject, read_good

__all__ = [
    "SCHEMA",
    "Bound",
    "CheckScore",
    "FaultRow",
    "GoodRow",
    "Mark",
    "Plan",
    "Scores",
    "SelfTest",
    "Status",
    "Step",
    "Subject",
    "choose",
    "read_good",
    "read_selftest",
    "run_selftest",
    "selftest_schema",
    "write_selftest",
]
