"""Is an explanation true: deletion and insertion against random orders (`M09`, Petsiuk et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seatrial.checks._explainability.attribution import Question, Weights, ask_rows
from seatrial.contract import Contract
from seatrial.runtimes import Session


@dataclass(frozen=True)
class Curves:
    """One input's curves over the share of cells, from 0 to 1.

    Attributes:
        deletion: The figure while the most important cells are emptied first.
        insertion: The figure while they are put into the empty input first.
        gain: Area under insertion minus area under deletion.
        random_gains: The same for random orders.
    """

    deletion: Weights
    insertion: Weights
    gain: float
    random_gains: tuple[float, ...]

    @property
    def rank(self) -> int:
        """Random orders that do at least as well: 0 is best."""
        return sum(each >= self.gain for each in self.random_gains)


def curves(
    session: Session,
    contract: Contract,
    asked: Question,
    weights: Weights,
    *,
    random: np.random.Generator,
    orders: int,
    steps: int,
) -> Curves:
    """Deletion and insertion for one input, by the attribution's order and by random ones.

    Args:
        session: Of the deployed artifact.
        contract: Of the model.
        asked: The answer that is explained.
        weights: By cell.
        random: For the random orders.
        orders: Random orders.
        steps: Points of each curve beyond the first.
    """
    count = asked.cells.count
    ranked = [np.argsort(-weights, kind="stable"), *(random.permutation(count) for _ in range(orders))]
    cuts = np.unique(np.rint(np.linspace(0, count, steps + 1)).astype(int))
    feeds = []
    for order in ranked:
        for cutoff in cuts:
            gone = np.zeros(count, bool)
            gone[order[:cutoff]] = True
            feeds += [asked.without(gone), asked.without(~gone)]
    got = ask_rows(session, contract, feeds, asked.target).reshape(len(ranked), len(cuts), 2)
    share = cuts / count
    gap = got[:, :, 1] - got[:, :, 0]
    areas = ((gap[:, 1:] + gap[:, :-1]) / 2 * np.diff(share)).sum(axis=1)  # trapezoids
    return Curves(got[0, :, 0], got[0, :, 1], float(areas[0]), tuple(float(each) for each in areas[1:]))


def p_value_of_ranks(ranks: Sequence[int], orders: int) -> float:
    """Probability that attributions without any meaning reach ranks this good, over all inputs together.

    Without meaning each rank is uniform on 0..orders, so the distribution of their sum is exact.
    """
    if not ranks:
        return 1.0
    one = np.full(orders + 1, 1 / (orders + 1))
    total = np.ones(1)
    for _ in ranks:
        total = np.convolve(total, one)
    return float(min(1.0, total[: sum(ranks) + 1].sum()))


@dataclass(frozen=True)
class Concentration:
    """Whether the same small place decides everywhere.

    Attributes:
        share: Of all attribution, by the busiest place, mean over inputs.
        place: That place, by number.
        common: Share of inputs whose busiest place it is.
        inputs: Inputs looked at.
        answers: Different answers among them.
    """

    share: float
    place: int
    common: float
    inputs: int
    answers: int

    def suspicious(self, limit: float) -> bool:
        """A fixed place that carries the decision for several answers alike."""
        return self.share > limit and self.common >= 0.6 and self.answers >= 2


def concentration(maps: Sequence[Weights], answers: Sequence[str]) -> Concentration:
    """Looks for the fixed place (F42: a stamp, a corner pixel, a watermark) over several inputs.

    Args:
        maps: Weights by place, equal shapes, one an input.
        answers: What each input was answered.
    """
    mass = np.array([np.abs(each).ravel() for each in maps])
    mass = mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-12)
    place = int(mass.mean(axis=0).argmax())
    return Concentration(
        share=float(mass[:, place].mean()),
        place=place,
        common=float((mass.argmax(axis=1) == place).mean()),
        inputs=len(mass),
        answers=len(set(answers)),
    )
