"""What is handed over beside the model, one thing a file; the underscored files put the bundle together."""

from seatrial.deliverables._assembly import Order, all_deliverables, handover_of, write_bundle
from seatrial.deliverables._deliverable import LANGUAGES, Deliverable, Handover, Item, Kind, Vector

__all__ = [
    "LANGUAGES",
    "Deliverable",
    "Handover",
    "Item",
    "Kind",
    "Order",
    "Vector",
    "all_deliverables",
    "handover_of",
    "write_bundle",
]
