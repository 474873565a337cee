"""Ways in which releases have been broken, one a file; the self-test makes them from the user's own model."""

from seatrial import extensions
from seatrial.faults._fault import Fault, Good, NotApplicable, Release

__all__ = ["Fault", "Good", "NotApplicable", "Release", "all_faults"]


def all_faults() -> dict[str, Fault]:
    """Every fault there is, by name; a post-mortem of one's own comes in through an entry point."""
    return extensions.find("seatrial.faults", "FAULT")
