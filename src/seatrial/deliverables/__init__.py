"""What is handed over beside the model, one thing a file; the underscored files put the bundle together."""

from seatrial.deliverables._assembly import Order, all_deliverables, handover_of, write_bundle
from seatrial.deliverables._deliverable import LANGUAGES, Deliverable, Handover, Item, Kind, Vector
from seatrial.deliverables._diff import BundleDiff, bundle_diff
from seatrial.deliverables._diff_text import told

__all__ = [
    "LANGUAGES",
    "BundleDiff",
    "Deliverable",
    "Handover",
    "Item",
    "Kind",
    "Order",
    "Vector",
    "all_deliverables",
    "bundle_diff",
    "handover_of",
    "told",
    "write_bundle",
]
