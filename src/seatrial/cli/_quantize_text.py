"""What `seatrial quantize` says at the end."""

from __future__ import annotations

from seatrial.cli.inspect import human_size
from seatrial.tune import Quantized, Score


def lines(found: Quantized) -> list[str]:
    """The result for the terminal."""
    told = [found.split.note, f"source  {figures(found.reference)}, {human_size(found.source.size)}"]
    winner = found.winner
    if winner is not None and winner.score is not None and winner.artifact is not None:
        told.append(f"result  {figures(winner.score)}, {human_size(winner.artifact.size)}")
        told.append(f"        {winner.words(found.recipe.max_drop)}")
        if winner.keep:
            told.append(f"        in float: {', '.join(winner.keep)}")
        if len(found.attempts) > 1:
            told.append(f"        the {len(found.attempts)}th candidate that these samples judged")
    for name, pair in (("float", found.against_float), ("source", found.against_source)):
        if pair is not None:
            told.append(f"{name} to result on this machine: {pair.words()}")
            told.append(f"        memory {human_size(pair.memory_before)} to {human_size(pair.memory_after)}")
    told += [f"note: {each}" for each in found.notes]
    told.append(verdict(found))
    if found.delivered is not None:
        told.append(f"wrote {found.delivered.graph}")
    return told


def figures(score: Score) -> str:
    """The figure that decides, and where it was measured."""
    return f"{score} on {score.runtime}"


def verdict(found: Quantized) -> str:
    """The last line: what to do with it."""
    if found.delivered is None:
        return f"refused: {found.why}. Nothing was written; keep float32."
    if found.gains is None:
        return "accepted; not timed here, so measure it where it will run."
    if found.gains:
        return "accepted, and faster than float on this machine."
    floating, source = found.floating.format, found.source.format
    keep = "keep float32" if floating == source else f"keep float32, converted to {floating},"
    winner = found.winner.artifact if found.winner else None
    smaller = winner is not None and winner.size < found.floating.size
    unless = "size is what counts or it will run elsewhere" if smaller else "it will run elsewhere"
    return f"accepted, but this hardware gains nothing by it: {keep} here, unless {unless}."
