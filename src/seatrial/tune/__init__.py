"""Smaller and faster, with the price shown: what is measured before it is believed (M23, M24, M27)."""

from seatrial.tune._calibration import Split, split
from seatrial.tune._finetune import finetuned
from seatrial.tune._pruning import Pruned, Pruning, prune
from seatrial.tune._quantizing import Attempt, Quantized, options_to_run, quantize
from seatrial.tune._recipe import Recipe
from seatrial.tune._score import MAX_DROP, Drop, Ruling, Score, Scorer, available_runtime
from seatrial.tune._sensitivity import most_costly_first
from seatrial.tune._timing import Paired, Runner, paired

__all__ = [
    "MAX_DROP",
    "Attempt",
    "Drop",
    "Paired",
    "Pruned",
    "Pruning",
    "Quantized",
    "Recipe",
    "Ruling",
    "Runner",
    "Score",
    "Scorer",
    "Split",
    "available_runtime",
    "finetuned",
    "most_costly_first",
    "options_to_run",
    "paired",
    "prune",
    "quantize",
    "split",
]
