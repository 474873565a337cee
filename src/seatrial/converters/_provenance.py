"""What a converted file says of where it comes from."""

from __future__ import annotations

from seatrial import __version__
from seatrial.model.artifact import Artifact


def made_from(artifact: Artifact, tool: str = "", **more: str) -> dict[str, str]:
    """Metadata for a result: the source's digest, who made it, and what else is to be known.

    Args:
        artifact: The source.
        tool: Name and version of what did the work; empty when we did it ourselves.
        more: Further entries, by their names without the prefix.
    """
    who = ", ".join(each for each in (f"seatrial {__version__}", tool) if each)
    own = {"source": artifact.digest, "converter": who, **more}
    return {f"seatrial.{name}": value for name, value in own.items()}
