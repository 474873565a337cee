"""The ten questions, one a file; a folder of its name has its parts, underscored files what all use."""

from seatrial.checks._accuracy.metrics import Evaluation, evaluate
from seatrial.checks._assembly import Candidate, open_trial
from seatrial.checks._consistency.tolerance import Comparison, calibrated, compare, merge, objections
from seatrial.checks._environment import environment_record
from seatrial.checks._explain import Explanation, explanation, explanations
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
from seatrial.checks._gate import GateRun, all_checks, judge, run_check, run_gate
from seatrial.checks._inference import Failure, Predictions, pass_over
from seatrial.checks._performance.latency_statistics import (
    FEWEST_PAIRS,
    BlockComparison,
    PairedRatio,
    Quantile,
    compare_blocks,
    paired_ratio,
    quantile,
    samples_needed,
)
from seatrial.checks._performance.service import interleaved, on_one_core
from seatrial.checks._pictures import picture, tile
from seatrial.checks._profile import Profile, load_profile, profile_names
from seatrial.checks._render import FORMATS, drawing, legend, page, render, stylesheet
from seatrial.checks._render._columns import padded, width
from seatrial.checks._render._escape import one_line, visible
from seatrial.checks._report import CheckResult, Report
from seatrial.checks._report_files import read_report, write_all, write_report
from seatrial.checks._report_json import dump, from_json, load, to_json
from seatrial.checks._report_schema import document_schema, report_schema
from seatrial.checks._reuse import Answers
from seatrial.checks._statistics import (
    Interval,
    PairedChange,
    clopper_pearson,
    needed_for_margin,
    paired_change,
)
from seatrial.checks._trial import Baseline, Check, SessionPool, Trial, accepted_model

__all__ = [
    "FEWEST_PAIRS",
    "FORMATS",
    "Answers",
    "Baseline",
    "BlockComparison",
    "Candidate",
    "Chart",
    "Check",
    "CheckResult",
    "Comparison",
    "Control",
    "Evaluation",
    "Explanation",
    "Failure",
    "Finding",
    "GateRun",
    "Interval",
    "Limit",
    "PairedChange",
    "PairedRatio",
    "Picture",
    "Predictions",
    "Profile",
    "Quantile",
    "Report",
    "Series",
    "SessionPool",
    "Table",
    "Text",
    "Trial",
    "Verdict",
    "accepted_model",
    "all_checks",
    "calibrated",
    "clopper_pearson",
    "compare",
    "compare_blocks",
    "document_schema",
    "drawing",
    "dump",
    "environment_record",
    "evaluate",
    "explanation",
    "explanations",
    "from_json",
    "interleaved",
    "judge",
    "legend",
    "load",
    "load_profile",
    "merge",
    "needed_for_margin",
    "objections",
    "on_one_core",
    "one_line",
    "open_trial",
    "padded",
    "page",
    "paired_change",
    "paired_ratio",
    "pass_over",
    "picture",
    "profile_names",
    "quantile",
    "read_report",
    "render",
    "report_schema",
    "run_check",
    "run_gate",
    "samples_needed",
    "stylesheet",
    "tile",
    "to_json",
    "visible",
    "width",
    "write_all",
    "write_report",
]
