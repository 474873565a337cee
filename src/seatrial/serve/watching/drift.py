"""Whether what a served model is asked still looks like what it was judged on.

A few requests a second are looked at, in a thread, against the distribution beside the model; older ones are
forgotten by halves. Without that file nothing is looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np

from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation
from seatrial.serve.call import Call
from seatrial.serve.metrics import Read
from seatrial.serve.model import ServedModel
from seatrial.serve.status import Code
from seatrial.serve.watching.distribution import MOST_ROWS, Distribution, instability, load, numbers_of

A_SECOND = 20.0  # requests of one model that are looked at
HALF_LIFE = 1000.0  # rows after which one counts half
FEWEST_ROWS = 100.0  # before anything is said

Labels = tuple[str, ...]

_log = logging.getLogger("seatrial.serve")


class Drift:
    """The inputs of one model as they come, against those it was judged on.

    Args:
        reference: Of held-out samples.
    """

    def __init__(self, reference: Distribution) -> None:
        self._reference = reference
        self.rows = 0.0
        self._counts: dict[tuple[str, str], Array] = {
            (name, number): np.zeros_like(bins.counts)
            for name, numbers in reference.inputs.items()
            for number, bins in numbers.items()
        }

    def take(self, feeds: Mapping[str, Array]) -> None:
        """Counts one request's rows, the first 32 of them."""
        rows = min(max((len(each) for each in feeds.values() if each.ndim), default=0), MOST_ROWS)
        if not rows:
            return
        kept = 0.5 ** (rows / HALF_LIFE)
        for name, numbers in self._reference.inputs.items():
            if name in feeds and feeds[name].ndim:
                for number, values in numbers_of(feeds[name]).items():
                    if number in numbers:
                        before = self._counts[name, number]
                        self._counts[name, number] = before * kept + numbers[number].place(values)
        self.rows = self.rows * kept + rows

    def index(self) -> dict[str, float]:
        """How far each input went, as a population stability index; empty while too few rows were seen.

        Of an input's numbers the one that went farthest counts.
        """
        if self.rows < FEWEST_ROWS:
            return {}
        samples = self._reference.samples
        return {
            name: max(
                instability(bins.counts, self._counts[name, number], samples=samples, rows=self.rows)
                for number, bins in numbers.items()
            )
            for name, numbers in self._reference.inputs.items()
            if numbers
        }


class DriftWatch:
    """The drift of every model that has a reference.

    Args:
        models: Gives those that serve now.
        executor: Where requests are looked at; by default one thread of its own.
    """

    def __init__(self, models: Callable[[], list[ServedModel]], *, executor: Executor | None = None) -> None:
        self._models = models
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="seatrial-drift")
        self._drifts: dict[ServedModel, Drift] = {}
        self._due: dict[ServedModel, float] = {}

    def watch(self, model: ServedModel) -> None:
        """Looks at a model from now on, where a distribution lies beside it."""
        self._forget()
        try:
            reference = load(model.artifact.graph.parent)
        except ContractViolation as error:
            _log.warning("%s %s: drift is not watched: %s", model.name, model.version, error.message)
            return
        if reference is None:
            return
        if reference.preprocess != model.contract.preprocess_digest():
            _log.warning(
                "%s %s: drift is not watched: its input distribution is of another preprocessing; learn it "
                "again with: seatrial drift learn",
                model.name,
                model.version,
            )
            return
        self._drifts[model], self._due[model] = Drift(reference), 0.0

    def asleep(self) -> bool:
        """Whether no model has a reference."""
        return not self._drifts

    def __call__(self, call: Call, code: Code, now: float) -> None:
        """Takes one call; see `Instruments.listen`."""
        if not self._drifts:
            return
        for model, request in call.stages:
            if now >= self._due.get(model, np.inf) and request.feeds:
                # Infinite until it was looked at: a slow look is not followed by a queue of others.
                self._due[model] = np.inf
                self._executor.submit(self._look, model, request.feeds, now + 1 / A_SECOND)

    def close(self) -> None:
        """Looks at nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def metrics(self) -> list[Read]:
        """The drift of each input, and of how many rows it is known."""
        return [
            Read(
                "seatrial_input_drift",
                "How far an input went from the held-out samples: population stability index, "
                "0 is not at all, 0.25 is far.",
                "gauge",
                ("model", "version", "input"),
                read=lambda: dict(self._indices()),
            ),
            Read(
                "seatrial_input_drift_rows",
                "Rows that the drift is known from; older ones count less.",
                "gauge",
                ("model", "version"),
                read=lambda: {(each.name, each.version): self._drifts[each].rows for each in self._watched()},
            ),
        ]

    def _look(self, model: ServedModel, feeds: Mapping[str, Array], due: float) -> None:
        drift = self._drifts.get(model)
        if drift is None:
            return
        try:
            drift.take(feeds)
        except Exception:  # noqa: BLE001 - a thread's errors are seen by nobody else
            _log.exception("%s: its drift could not be looked at and is no longer watched", model.name)
            return
        if model in self._due:
            self._due[model] = due

    def _indices(self) -> Iterator[tuple[Labels, float]]:
        for model in self._watched():
            for name, index in self._drifts[model].index().items():
                yield (model.name, model.version, name), index

    def _watched(self) -> list[ServedModel]:
        self._forget()
        return list(self._drifts)

    def _forget(self) -> None:
        here = set(self._models())
        for gone in [each for each in self._drifts if each not in here]:
            del self._drifts[gone], self._due[gone]
