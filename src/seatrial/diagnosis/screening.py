"""Tries many changes on few samples and keeps the promising ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from seatrial.diagnosis.case import Case, Observation
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.errors import SeatrialError

ROUNDS = ((1, 0.5), (2, 0.4), (4, 0.4), (8, 1.0))  # samples asked, and the share of the changes that goes on
FEWEST = 8  # changes that always go on


@dataclass
class Clock:
    """How much of the time is left.

    Attributes:
        budget: Seconds in all.
        now: Tells the time, in seconds from anywhere.
    """

    budget: float
    now: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.now()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.now() - self.began

    def beyond(self, share: float) -> bool:
        """Whether this share of the budget is used up."""
        return self.spent > self.budget * share


@dataclass
class Tried:
    """What has been proposed so far, so that nothing is tried twice.

    Attributes:
        notes: Hypotheses that broke.
        asked: Names of the hypotheses that proposed something.
        count: Changes tried.
    """

    notes: list[str] = field(default_factory=list)
    asked: dict[str, None] = field(default_factory=dict)
    count: int = 0
    _seen: set[str] = field(default_factory=set)

    def proposals(self, hypotheses: Mapping[str, Hypothesis], case: Case, setup: Setup) -> list[Intervention]:
        """What every hypothesis would change in a setup, most suspected first; nothing twice.

        A hypothesis that breaks is noted and costs no other its turn.
        """
        found: list[tuple[float, int, Intervention]] = []
        self._seen.add(identity(setup))
        for hypothesis in hypotheses.values():
            for place, each in enumerate(self._ask(hypothesis, case, setup)):
                key = identity(each.setup)
                if key not in self._seen:
                    self._seen.add(key)
                    self.asked[hypothesis.name] = None
                    found.append((-each.prior, place, each))
        return [each for _, _, each in sorted(found, key=lambda row: row[:2])]

    def _ask(self, hypothesis: Hypothesis, case: Case, setup: Setup) -> Iterable[Intervention]:
        try:
            return list(hypothesis.propose(case, setup))
        except SeatrialError as error:
            self.notes.append(f"{hypothesis.name}: {error.message}")
        except Exception as error:  # noqa: BLE001 - one broken plug-in must not end the diagnosis
            self.notes.append(f"{hypothesis.name} broke: {type(error).__name__}: {error}")
        return []


def identity(setup: Setup) -> str:
    """Equal for setups that answer alike."""
    contract = setup.contract
    data = {
        "contract": contract.digest(),
        "model": setup.artifact.digest if setup.artifact else "",
        "runtime": [setup.runtime, repr(setup.options), setup.batch],
        "payload": _function(setup.payload),
        "outputs": _function(setup.outputs),
        "where": dict(setup.where),
    }
    return json.dumps(data, sort_keys=True)


def _function(function: object) -> str:
    """A function's own name if it carries one in `name`, else who it is."""
    return "" if function is None else str(getattr(function, "name", id(function)))


def screen(
    case: Case, interventions: Sequence[Intervention], places: Sequence[int], clock: Clock, *, until: float
) -> list[tuple[float, Intervention]]:
    """Ranks changes by the closeness they reach on a few samples: all on one, the better ones on more.

    Args:
        case: The case.
        interventions: Most suspected first: when time runs out, the rest is not asked.
        places: Samples to ask, the telling ones first.
        clock: The budget.
        until: Share of the budget after which nothing new is begun.

    Returns:
        (closeness, change) of those that went through the last round, best first.
    """
    going = list(interventions)
    ranked: list[tuple[float, Intervention]] = []
    for count, share in ROUNDS:
        ranked = []
        for each in going:
            if clock.beyond(until) and ranked:
                break
            ranked.append((mean_closeness(case, each.setup, places[:count]), each))
        ranked.sort(key=lambda row: -row[0])
        going = [each for _, each in ranked[: max(FEWEST, int(len(ranked) * share))]]
        if count >= len(places):
            break
    return ranked


def mean_closeness(case: Case, setup: Setup, places: Sequence[int]) -> float:
    """Mean closeness of a setup on some samples."""
    return float(case.observe(setup, places).closeness.mean()) if places else 0.0


def telling(observed: Observation, seed: int) -> list[int]:
    """Places of the samples, those first that tell most: far from the reference, then a few that agree."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(observed.places))
    bad = [int(i) for i in order if not observed.agrees[i]]
    good = [int(i) for i in order if observed.agrees[i]]
    mixed = bad[:6] + good[:2] + bad[6:] + good[2:]
    return [observed.places[i] for i in mixed]
