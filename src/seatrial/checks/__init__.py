"""The ten questions, one a file; the underscored files carry findings, reports and statistics."""

from seatrial.checks._finding import (
    Chart,
    Control,
    Finding,
    Limit,
    Picture,
    Series,
    Table,
    Text,
    Verdict,
)
from seatrial.checks._gate import GateRun, all_checks, judge, run_gate
from seatrial.checks._profile import Profile, load_profile, profile_names
from seatrial.checks._report import CheckResult, Report
from seatrial.checks._trial import Baseline, Check, SessionPool, Trial

__all__ = [
    "Baseline",
    "Chart",
    "Check",
    "CheckResult",
    "Control",
    "Finding",
    "GateRun",
    "Limit",
    "Picture",
    "Profile",
    "Report",
    "Series",
    "SessionPool",
    "Table",
    "Text",
    "Trial",
    "Verdict",
    "all_checks",
    "judge",
    "load_profile",
    "profile_names",
    "run_gate",
]
