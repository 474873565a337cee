"""What consistency stands on: a plain reference, the samples, and a tolerance calibrated on the reference."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np

from seatrial.checks._consistency.self_consistency import natural_spread
from seatrial.checks._consistency.tolerance import CEILING, Tolerance, calibrated
from seatrial.checks._consistency.variants import ran, reference_options
from seatrial.checks._finding import Finding, Limit, Text, Verdict
from seatrial.checks._inference import Feed, Predictions, predictions, production_runtime
from seatrial.checks._probing import spread
from seatrial.checks._trial import SessionPool, Trial
from seatrial.contract.sample import Sample
from seatrial.errors import EngineFailure
from seatrial.runtimes import Session, SessionOptions

# Spread taken for a model whose inputs are ids, which cannot be moved by rounding.
UNKNOWN_SPREAD = 1e-6
MOST_SAMPLES = {False: 64, True: 256}
SECONDS = {False: 1.5, True: 10.0}  # of the plain reference; every variant costs about as much
FEWEST_SAMPLES = 4


@dataclass(frozen=True)
class Ground:
    """The reference and how far from it is too far.

    Attributes:
        runtime: Of production.
        options: Of the reference session.
        samples: What every variant is asked.
        reference: What the reference answered.
        spread: Natural spread that was measured, or None.
        tolerance: Of the declared precision, calibrated.
        float32: Of float32 in the same run, calibrated: production against itself.
        limit: The tolerance in force and where it comes from.
    """

    runtime: str
    options: SessionOptions
    samples: tuple[Sample, ...]
    reference: Predictions
    spread: float | None
    tolerance: Tolerance
    float32: Tolerance
    limit: Limit

    def session(self, trial: Trial) -> Session:
        """The reference session, alive."""
        return trial.pool.get(self.runtime, self.options)

    def feeds(self) -> list[Feed]:
        """Feeds of the samples that ran."""
        return [feed for i in ran(self.reference) if (feed := self.reference.feeds[i]) is not None]


# By pool, so that they go with it; the trial is only named, because it holds the pool.
_grounds: WeakKeyDictionary[SessionPool, tuple[ReferenceType[Trial], Ground | Finding]] = WeakKeyDictionary()


def prepare_ground(trial: Trial) -> Ground | Finding:
    """Runs the plain reference over as many samples as the tier has time for; once a trial.

    Returns:
        The ground, or the finding that says why there is none.
    """
    kept = _grounds.get(trial.pool)
    if kept is None or kept[0]() is not trial:
        kept = (ref(trial), _prepare(trial))
        _grounds[trial.pool] = kept
    return kept[1]


def _prepare(trial: Trial) -> Ground | Finding:
    runtime, options = production_runtime(trial), reference_options(trial)
    trial.progress("reference without optimisation")
    try:
        samples = _affordable(trial, runtime, options)
        reference = predictions(trial, runtime, options, samples)
    except EngineFailure as error:
        return _no_reference(f"{runtime} without optimisation cannot run the model: {error.message}")
    if not ran(reference):
        first = reference.failures[0] if reference.failures else None
        return _no_reference(
            f"no sample got an answer; first: {first.message if first else 'the set is empty'}"
        )
    feeds = [feed for i in ran(reference) if (feed := reference.feeds[i]) is not None]
    session = trial.pool.get(runtime, options)
    spread_seen = natural_spread(
        session, feeds, rng=np.random.default_rng(trial.seed), seconds=2 * SECONDS[trial.full]
    )
    known = UNKNOWN_SPREAD if spread_seen is None else spread_seen
    tolerance, limit = _tolerance(trial, spread_seen, known)
    return Ground(
        runtime=runtime,
        options=options,
        samples=samples,
        reference=reference,
        spread=spread_seen,
        tolerance=tolerance,
        float32=calibrated("float32", known),
        limit=limit,
    )


def _tolerance(trial: Trial, spread_seen: float | None, known: float) -> tuple[Tolerance, Limit]:
    """The calibrated tolerance, unless the contract or the profile sets `consistency.tolerance`."""
    precision = trial.profile.precision
    tolerance = calibrated(precision, known)
    said = (
        "ids cannot be nudged" if spread_seen is None else f"ten times the natural spread {spread_seen:.2g}"
    )
    asked = trial.limit("consistency.tolerance", None)
    if isinstance(asked.value, (int, float)) and not isinstance(asked.value, bool):
        widened = float(asked.value) / tolerance.scale_relative
        own = replace(
            tolerance, scale_relative=float(asked.value), kl_mean=tolerance.kl_mean * max(1.0, widened**2)
        )
        return own, Limit(own.scale_relative, asked.source)
    return tolerance, Limit(
        float(f"{tolerance.scale_relative:.3g}"), f"{precision} tolerance, {said}, at most {CEILING:g}"
    )


def _affordable(trial: Trial, runtime: str, options: SessionOptions) -> tuple[Sample, ...]:
    """Samples spread over the whole set, as many as the plain session gets through in the tier's time.

    The count depends on a timing, so it is rounded down to a power of two: two runs on one machine look at
    the same samples unless the machine changed twofold.
    """
    most = MOST_SAMPLES[trial.full]
    probe = tuple(spread(trial.held_out.samples, 2))
    trial.pool.get(runtime, options)
    begin = time.monotonic()
    predictions(trial, runtime, options, probe)
    each = (time.monotonic() - begin) / max(1, len(probe))
    count = int(SECONDS[trial.full] / max(each, 1e-6))
    count = max(FEWEST_SAMPLES, min(most, 1 << max(0, count.bit_length() - 1)))
    return tuple(spread(trial.held_out.samples, count))


def _no_reference(why: str) -> Finding:
    return Finding(
        "consistency.reference",
        Verdict.FAIL,
        Text(f"There is nothing to compare with: {why}.", f"没有可比较的参考：{why}。"),
        examined=1,
        cause=Text(
            "The model cannot be run as it was written, or the held-out set does not fit its contract.",
            "模型无法按原样运行，或留出数据与契约不符。",
        ),
        fix=Text(
            "See the checks structure and interface first; both look at exactly this.",
            "请先查看结构检查与接口检查的结果，它们正是针对这类问题。",
        ),
    )
