"""What is handed over beside the model, one thing a file; the underscored files put the bundle together."""

from seatrial.deliverables._deliverable import LANGUAGES, Deliverable, Handover, Item, Kind, Vector

__all__ = ["LANGUAGES", "Deliverable", "Handover", "Item", "Kind", "Vector"]
