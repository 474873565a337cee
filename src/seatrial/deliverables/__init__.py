"""What is handed over beside the model, one thing a file; the underscored files put the bundle together."""

from seatrial.deliverables._assembly import Order, all_deliverables, handover_of, write_bundle
from seatrial.deliverables._deliverable import LANGUAGES, Deliverable, Handover, Item, Kind, Vector
from seatrial.deliverables._diff import BundleDiff, bundle_diff
from seatrial.deliverables._diff_text import told
from seatrial.deliverables._selfcheck import Line, Selfcheck, selfcheck

__all__ = [
    "LANGUAGES",
    "BundleDiff",
    "Deliverable",
    "Handover",
    "Item",
    "Kind",
    "Line",
    "Order",
    "Selfcheck",
    "Vector",
    "all_deliverables",
    "bundle_diff",
    "handover_of",
    "selfcheck",
    "told",
    "write_bundle",
]
