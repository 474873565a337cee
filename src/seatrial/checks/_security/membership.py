"""Can an outsider tell from its answers whether a sample was in the training set? (`M08`).

Scores are ranks of the loss (Yeom 2018); the judgement is on effect size with confidence bounds, as
"Membership Inference Attacks From First Principles" (Carlini et al. 2022, arXiv 2112.03570) asks for:
a true-positive rate at a low false-positive rate beside the area under the curve. Ties are counted as
halves in the area, and never let a threshold inside a tie count as an attack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from seatrial.checks._statistics import clopper_pearson

MINIMUM = 100  # samples on either side; below, the interval is wider than anything worth saying


@dataclass(frozen=True, slots=True)
class Exposure:
    """What an attacker gains from the losses.

    Attributes:
        auc: Area under the attacker's ROC curve; 0.5 is a guess.
        auc_low: Lower bound of its 95 % interval (bootstrap).
        auc_high: Upper bound.
        rate: True-positive rate at a false-positive rate of 1 % at most.
        rate_low: Lower bound of its 95 % interval (Clopper-Pearson).
        p_value: One-sided Mann-Whitney test; evidence, never the verdict.
        members: Samples scored that were in the training set.
        others: Samples scored that were not.
    """

    auc: float
    auc_low: float
    auc_high: float
    rate: float
    rate_low: float
    p_value: float
    members: int
    others: int


def area(members: Any, others: Any) -> float:
    """Share of (member, other) pairs in which the member's score is higher, ties as halves.

    Args:
        members: Scores (higher: more like a member), shape (m,).
        others: Scores, shape (n,).
    """
    ranks = stats.rankdata(np.concatenate([members, others]))
    count = len(members)
    return float((ranks[:count].sum() - count * (count + 1) / 2) / (count * len(others)))


def rate_at(members: Any, others: Any, *, false_positives: float = 0.01) -> float:
    """Best share of members above a threshold that at most `false_positives` of the others exceed."""
    threshold = np.sort(others)[::-1][int(np.floor(false_positives * len(others)))]
    return float((np.asarray(members) > threshold).mean())


def exposure(members: Any, others: Any, *, seed: int, rounds: int = 500) -> Exposure:
    """Measures an attack that calls everything with a small loss a member.

    Args:
        members: Scores (minus the loss) of samples the model was trained on, shape (m,).
        others: Scores of samples it was not, shape (n,).
        seed: Of the bootstrap.
        rounds: Bootstrap rounds.
    """
    members, others = np.asarray(members, "float64"), np.asarray(others, "float64")
    random = np.random.default_rng(seed)
    areas = [
        area(random.choice(members, len(members)), random.choice(others, len(others))) for _ in range(rounds)
    ]
    rate = rate_at(members, others)
    hits = round(rate * len(members))
    return Exposure(
        auc=area(members, others),
        auc_low=float(np.quantile(areas, 0.025)),
        auc_high=float(np.quantile(areas, 0.975)),
        rate=rate,
        rate_low=clopper_pearson(hits, len(members)).low,
        p_value=float(stats.mannwhitneyu(members, others, alternative="greater").pvalue),
        members=len(members),
        others=len(others),
    )


def is_exposed(found: Exposure, *, auc: float, rate: float) -> bool:
    """The rule: the lower bound of either measure lies above its limit."""
    return found.auc_low > auc or found.rate_low > rate


@dataclass(frozen=True, slots=True)
class Power:
    """How good this very attack is at this very number of samples, measured on made-up losses.

    Attributes:
        detected: Share of leaky sets (true area `leaky_auc`) that were called exposed.
        false_alarms: Share of clean sets (no difference) that were called exposed.
        trials: Sets of either sort.
        leaky_auc: True area of the leaky sets.
    """

    detected: float
    false_alarms: float
    trials: int
    leaky_auc: float


def measure_power(
    members: int,
    others: int,
    *,
    auc: float,
    rate: float,
    seed: int,
    trials: int = 40,
    leaky_auc: float = 0.65,
) -> Power:
    """Runs the attack on sets known to leak and known not to, of the same sizes as the real ones."""
    random = np.random.default_rng(seed)
    shift = float(np.sqrt(2) * stats.norm.ppf(leaky_auc))

    def share(by: float) -> float:
        hits = 0
        for _ in range(trials):
            inside, outside = random.normal(by, 1, members), random.normal(0, 1, others)
            hits += is_exposed(exposure(inside, outside, seed=0, rounds=80), auc=auc, rate=rate)
        return hits / trials

    return Power(share(shift), share(0.0), trials, leaky_auc)


def losses(outputs: Any, labels: Any) -> Any:
    """Cross-entropy of each row against its label.

    Args:
        outputs: Probabilities or logits, shape (n, classes); told apart by their sums.
        labels: Class indices, shape (n,).

    Returns:
        Losses, float64, shape (n,).
    """
    values = np.asarray(outputs, "float64")
    sums_to_one = bool(np.all(values >= 0)) and bool(np.allclose(values.sum(axis=1), 1, atol=1e-2))
    if not sums_to_one:
        values = np.exp(values - values.max(axis=1, keepdims=True))
        values = values / values.sum(axis=1, keepdims=True)
    return -np.log(np.clip(values[np.arange(len(values)), np.asarray(labels, int)], 1e-12, 1))
