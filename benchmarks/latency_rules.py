"""Which rule for "is the new model slower?" can be trusted: false alarms and power, simulated.

The latency model is a shared machine: lognormal body, 1 % tail, AR(1) drift inside a run that outlives it,
and a level of its own for each run. Every usual rule is asked beside ours, on the same numbers.

Usage: python benchmarks/latency_rules.py [--trials 300] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from seatrial.checks._performance.latency_statistics import compare_blocks

RATIOS = (1.00, 1.03, 1.05, 1.10)
RUNS, REQUESTS = 15, 200
Runs = list[Any]


def one_run(rng: np.random.Generator, level: float, ratio: float) -> Any:
    """Latencies of one run, seconds."""
    innovations = rng.normal(0, 0.003, REQUESTS)
    innovations[0] = rng.normal(0, 0.03)
    decay = 0.995 ** np.arange(REQUESTS)
    drift = np.cumsum(innovations / decay) * decay  # AR(1): drift[i] = 0.995 drift[i-1] + innovation[i]
    seconds = 0.01 * ratio * np.exp(rng.normal(0, 0.05, REQUESTS) + drift + level)
    tail = rng.random(REQUESTS) < 0.01
    seconds[tail] *= rng.uniform(2, 5, int(tail.sum()))
    return seconds


def experiment(rng: np.random.Generator, ratio: float, *, interleaved: bool) -> tuple[Runs, Runs]:
    """Runs of the old and of the new model; interleaved pairs share the machine's level."""
    old, new = [], []
    for _ in range(RUNS):
        level = rng.normal(0, 0.04)
        other = level + rng.normal(0, 0.005) if interleaved else rng.normal(0, 0.04)
        old.append(one_run(rng, level, 1.0))
        new.append(one_run(rng, other, ratio))
    return old, new


def medians(runs: Runs) -> Any:
    """Log median of each run."""
    return np.log([np.median(each) for each in runs])


def p99_ratio(old: Runs, new: Runs) -> float:
    """Ratio of the pooled P99."""
    return float(np.quantile(np.concatenate(new), 0.99) / np.quantile(np.concatenate(old), 0.99))


RULES: dict[str, Callable[[Runs, Runs], bool]] = {
    "mean above +3 %": lambda a, b: np.concatenate(b).mean() > 1.03 * np.concatenate(a).mean(),
    "P99 above +5 %": lambda a, b: p99_ratio(a, b) > 1.05,
    "t-test on requests": lambda a, b: (
        stats.ttest_ind(np.concatenate(b), np.concatenate(a), alternative="greater").pvalue < 0.05
    ),
    "Mann-Whitney on requests": lambda a, b: (
        stats.mannwhitneyu(np.concatenate(b), np.concatenate(a), alternative="greater").pvalue < 0.05
    ),
    "Mann-Whitney on run medians": lambda a, b: (
        stats.mannwhitneyu(medians(b), medians(a), alternative="greater").pvalue < 0.05
    ),
    "ours, margin 0 %": lambda a, b: compare_blocks(a, b, margin=0.0).slower,
    "ours, margin 2 % (the gate)": lambda a, b: compare_blocks(a, b, margin=0.02).slower,
}
PAIRED = ("ours",)


def simulate(trials: int, seed: int) -> list[dict[str, Any]]:
    """Share of trials in which each rule says "slower", by design and true ratio."""
    rows = []
    for interleaved in (False, True):
        said = {name: dict.fromkeys(RATIOS, 0) for name in RULES}
        for ratio in RATIOS:
            rng = np.random.default_rng(seed)
            for _ in range(trials):
                old, new = experiment(rng, ratio, interleaved=interleaved)
                for name, rule in RULES.items():
                    said[name][ratio] += bool(rule(old, new))
        for name, counts in said.items():
            if interleaved or not name.startswith(PAIRED):
                design = "interleaved" if interleaved else "A then B"
                rows.append({"rule": name, "design": design} | {str(r): counts[r] / trials for r in RATIOS})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as text; the first column of figures is the false-alarm rate."""
    head = f"{'rule':<32}{'design':<14}" + "".join(f"{f'x{each:.2f}':>8}" for each in RATIOS)
    lines = [head, "-" * len(head)]
    lines += [
        f"{row['rule']:<32}{row['design']:<14}" + "".join(f"{row[str(each)]:>8.2f}" for each in RATIOS)
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Prints the table, and writes it as JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = simulate(arguments.trials, arguments.seed)
    print(f'probability of saying "slower"; {arguments.trials} trials of {RUNS} + {RUNS} runs x {REQUESTS}')
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps({"trials": arguments.trials, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
