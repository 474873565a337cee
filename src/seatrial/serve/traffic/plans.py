"""What lies between a request for a model and the version that answers: route, shadow, ladder."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from seatrial.errors import NotFound, Unavailable, UsageError
from seatrial.serve.call import Call
from seatrial.serve.model import ServedModel
from seatrial.serve.repository import Repository
from seatrial.serve.settings import Model, Route, Rung, Shadow
from seatrial.serve.traffic.answers import Answers
from seatrial.serve.traffic.ask import Ask, Cancel
from seatrial.serve.traffic.ladder import Ladder
from seatrial.serve.traffic.remote import Entry, RemoteModel, origin
from seatrial.serve.traffic.router import Router
from seatrial.serve.traffic.shadow import ShadowLine
from seatrial.serve.traffic.steps import CachedAnswer, DeclaredError, OtherModel, RemoteAnswer, Step, misfit


@dataclass(frozen=True)
class Plan:
    """What was set for one model; replaced as a whole.

    Attributes:
        router: Chooses a version.
        shadow: Is asked besides.
        ladder: Is gone down.
    """

    router: Router = field(default_factory=lambda: Router(Route()))
    shadow: ShadowLine | None = None
    ladder: Ladder | None = None

    def infer(self, model: ServedModel, ask: Ask) -> Cancel:
        """Asks a version as the plan says. Who named the version gets its answer or its error, nothing else.

        Raises:
            SeatrialError: The request is refused at once.
        """
        if ask.call.pinned:
            return partial(model.batcher.cancel, ask.of(model))
        pair = self.shadow.pair(model, ask) if self.shadow else None
        if pair is not None:
            ask = ask.told(pair.first)
        if self.ladder is not None:
            cancel = self.ladder.infer(model, ask)
        else:
            cancel = partial(model.batcher.cancel, ask.of(model))
        return cancel if pair is None else pair.begin(cancel)


class Traffic:
    """The plans of all models; those without one are not slowed down by it.

    Args:
        repository: The models.
        draw: A number in [0, 1), for weights and shares.

    Attributes:
        plans: By model.
        entries: What lets this server in elsewhere, by `origin`; no plan can send it to anybody else.
    """

    def __init__(self, repository: Repository, draw: Callable[[], float] = random.random) -> None:
        self._repository, self._draw = repository, draw
        self.plans: dict[str, Plan] = {}
        self.entries: Mapping[str, Entry] = {}
        self._taken: dict[str, Model] = {}

    def version(self, plan: Plan, name: str, call: Call) -> str:
        """The version or alias that a plan chooses; empty: the newest.

        Raises:
            Unavailable: None is ready, and there is no ladder to step down.
        """
        try:
            return plan.router.choose(call, partial(self._ready, name), self._draw)
        except Unavailable:
            if plan.ladder is None:
                raise
            return plan.router.choose(call, partial(self._there, name), self._draw)

    def take(self, models: Mapping[str, Model]) -> None:
        """Sets what settings say anew; what they said before already stays as it was set since.

        Args:
            models: Those that are served, by name.

        Raises:
            UsageError: A route names a version that there is not, or a rung a model that cannot stand in.
        """
        for name, model in models.items():
            before = self._taken.get(name)
            if model.route != (before.route if before else Route()):
                self.set_route(name, model.route)
            if model.degrade != (before.degrade if before else ()):
                self.set_ladder(name, model.degrade)
            self._taken[name] = model

    def named(self, name: str) -> Sequence[str]:
        """The versions and aliases that a model's route sends requests to."""
        plan = self.plans.get(name)
        return tuple(plan.router.labels) if plan is not None else ()

    def route(self, name: str) -> Route:
        """As it was set.

        Raises:
            NotFound: There is no such model.
        """
        self._repository.versions(name)
        return self.plans[name].router.route if name in self.plans else Route()

    def set_route(self, name: str, route: Route) -> None:
        """From the next request on; requests that are under way stay where they are.

        A shadow that stays the same goes on counting.

        Raises:
            NotFound: There is no such model.
            UsageError: It names a version that there is not; nothing was changed.
        """
        router = Router(route)
        known = [*self._repository.versions(name), *self._repository.aliases(name)]
        unknown = [each for each in router.labels if each not in known]
        if unknown:
            raise UsageError(
                f"'{name}' has no version '{unknown[0][:80]}'", hint="it has: " + ", ".join(known)
            )
        self._comparable(name, route)
        plan = self.plans.get(name, Plan())
        shadow = plan.shadow
        if route.shadow != (shadow.shadow if shadow else None):
            if shadow is not None:
                shadow.close()
            shadow = self._shadow_line(name, route.shadow) if route.shadow else None
        self._set(name, replace(plan, router=router, shadow=shadow))

    def _comparable(self, name: str, route: Route) -> None:
        """Insists on a shadow that means the same by the same tensors."""
        if route.shadow is None:
            return
        other = self._repository.model(name, route.shadow.version)
        for version in [*route.weights, *route.headers.values()] or [""]:
            model = self._repository.model(name, version)
            if model.contract.preprocess != other.contract.preprocess:
                raise UsageError(
                    f"'{name}' version {other.version} prepares its input otherwise than {model.version}",
                    hint="a shadow is asked the same tensors, so its contract must have the same preprocess",
                )

    def _shadow_line(self, name: str, shadow: Shadow) -> ShadowLine:
        return ShadowLine(shadow, partial(self._repository.model, name, shadow.version), self._draw)

    def set_ladder(self, name: str, rungs: Sequence[Rung]) -> None:
        """Sets what a model's requests step down to.

        Raises:
            NotFound: There is no such model.
            UsageError: A rung names a model that there is not, or one that cannot stand in.
        """
        steps = [(rung, self._step(name, rung)) for rung in rungs]
        ladder = Ladder(steps) if steps else None
        plan = self.plans.get(name, Plan())
        if plan.ladder is not None:
            plan.ladder.close()
        self._set(name, replace(plan, ladder=ladder))

    def shadow(self, name: str) -> dict[str, Any]:
        """What came of a model's shadow traffic, as JSON.

        Raises:
            NotFound: There is no such model, or it has no shadow.
        """
        self._repository.versions(name)
        line = self.plans.get(name, Plan()).shadow
        if line is None:
            raise NotFound(f"'{name}' has no shadow", hint=f"PUT /v1/models/{name}/route sets one")
        tally = line.tally
        return {
            "version": line.shadow.version,
            "share": line.shadow.share,
            "tolerance": line.shadow.tolerance,
            "compared": tally.compared,
            "agreed": tally.agreed,
            "differed": tally.differed,
            "failed": tally.failed,
            "dropped": tally.dropped,
            "latency_ratio": round(tally.latency_ratio, 4),
            "max_difference": tally.max_difference,
            "differing": list(line.differing),
        }

    def close(self) -> None:
        """Ends connections and threads."""
        for plan in self.plans.values():
            if plan.shadow is not None:
                plan.shadow.close()
            if plan.ladder is not None:
                plan.ladder.close()

    def _set(self, name: str, plan: Plan) -> None:
        plans = dict(self.plans)
        if plan.router.route == Route() and plan.ladder is None:
            plans.pop(name, None)
        else:
            plans[name] = plan
        self.plans = plans

    def _ready(self, name: str, version: str) -> bool:
        try:
            return self._repository.model(name, version).ready
        except NotFound:
            return False

    def _there(self, name: str, version: str) -> bool:
        return version in self._repository.versions(name) or version in self._repository.aliases(name)

    def _step(self, name: str, rung: Rung) -> Step:
        match rung.action:
            case "model":
                other, _, version = rung.model.partition(":")
                find = partial(self._repository.model, other, version)
                self._fits(name, rung.model, find)
                return OtherModel(f"model {rung.model}", find)
            case "cached":
                return CachedAnswer(Answers(rung.cache_mebibytes << 20, rung.cached or 0.0))
            case "remote":
                entry = self.entries.get(origin(rung.remote), Entry())
                return RemoteAnswer(RemoteModel(rung.remote, seconds=rung.remote_seconds, entry=entry))
            case _:
                return DeclaredError(rung.error)

    def _fits(self, name: str, other: str, find: Callable[[], ServedModel]) -> None:
        try:
            stands_in = find()
        except NotFound as error:
            raise UsageError(f"models.{name}.degrade: {error.message}", hint=error.hint) from error
        versions = self._repository.versions(name)
        for version in versions:
            model = self._repository.model(name, version)
            itself = stands_in is model
            why = "it is that version itself" if itself and len(versions) == 1 else ""
            why = why or ("" if itself else misfit(model, stands_in))
            if why:
                raise UsageError(
                    f"models.{name}.degrade: {other} cannot stand in for version {version}: {why}",
                    hint="a rung's model takes the same tensors, gives the same, and has the same pipelines",
                )
