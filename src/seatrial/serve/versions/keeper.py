"""Keeps the repository as the settings and the disk want it: loads, updates and unloads without a gap.

A new version is loaded in an engine of its own, warmed up, measured and proved while the old one serves; then
the two are exchanged in one assignment; then the old one answers what was promised to it and is freed. An
update that fails changes nothing but what is told about it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from seatrial.errors import ModelError, NotFound, SeatrialError
from seatrial.serve.model import ServedModel
from seatrial.serve.repository import Repository
from seatrial.serve.settings import Model
from seatrial.serve.stamps import Stamp
from seatrial.serve.versions.layout import Found, find_versions, wanted
from seatrial.serve.versions.loading import load_version

DRAIN_SECONDS = 120.0  # that a replaced version has for what was promised to it

State = Literal["READY", "UNAVAILABLE", "LOADING", "UNLOADING"]
Outcome = Literal["loaded", "failed", "unloaded"]

_log = logging.getLogger("seatrial.serve")


class Load(Protocol):
    """How one version is made; see `load_version`."""

    def __call__(
        self, name: str, found: Found, model: Model, now: ServedModel | None, *, like: ServedModel | None
    ) -> Awaitable[ServedModel]:
        """Loads it."""
        ...


@dataclass(frozen=True)
class Listed:
    """One line of the repository's index.

    Attributes:
        name: Of the model.
        version: Empty when no version of it was tried.
        state: As Triton calls it.
        reason: Why it is not `READY`; may be empty.
    """

    name: str
    version: str
    state: State
    reason: str = ""


@dataclass
class _Kept:
    """What is known of one name."""

    model: Model
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    unloaded: bool = False
    loading: set[str] = field(default_factory=set)
    draining: Counter[str] = field(default_factory=Counter)
    made_from: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, tuple[Any, str]] = field(default_factory=dict)
    seen: dict[str, Stamp] = field(default_factory=dict)

    def key(self, found: Found) -> Any:
        """What must be equal so that a version need not be made again."""
        return (found.stamp, found.path, self.model.options, self.model.golden)

    def remember(self, found: list[Found]) -> None:
        """What was seen at this look; what is known of versions that went is forgotten."""
        self.seen = {each.version: each.stamp for each in found}
        self.failed = {version: why for version, why in self.failed.items() if version in self.seen}
        self.made_from = {version: key for version, key in self.made_from.items() if version in self.seen}


class Keeper:
    """The life of the models of one repository.

    Args:
        repository: That is kept.
        models: What may be loaded, by name. Clients name what is here; a path never comes from them.
        load: Makes a version; the default opens its files.
        drain_seconds: That a replaced version has for what was promised to it.
        told: Each version that was loaded, for people.

    Attributes:
        named: Versions of a model that traffic is sent to now; they are not let go.
        freed: Called when a version that was replaced is gone.
        outcomes: How often a model's versions were loaded, unloaded, and could not be loaded.
    """

    def __init__(
        self,
        repository: Repository,
        models: Mapping[str, Model] | None = None,
        *,
        load: Load = load_version,
        drain_seconds: float = DRAIN_SECONDS,
        told: Callable[[ServedModel], None] = lambda _: None,
    ) -> None:
        self._repository, self._load = repository, load
        self._drain_seconds, self.told = drain_seconds, told
        self.named: Callable[[str], Iterable[str]] = lambda _: ()
        self._kept = {name: _Kept(model) for name, model in (models or {}).items()}
        self._one = asyncio.Lock()  # one load at a time, so that measuring is not disturbed
        self._tasks: set[asyncio.Task[Any]] = set()
        self._leaving: set[ServedModel] = set()
        self.also: Callable[[], Iterable[Listed]] = tuple  # what answers and is none of its models
        self.freed: Callable[[], None] = lambda: None
        self.outcomes: Counter[tuple[str, Outcome]] = Counter()

    async def start(self) -> None:
        """Loads all models.

        Raises:
            SeatrialError: There is one of which no version can serve.
        """
        for name, kept in self._kept.items():
            problems = await self._update(name, kept)
            if problems and name not in self._repository.names:
                raise problems[0]

    async def load(self, name: str) -> None:
        """Loads a model, or what is new of it; versions that failed are tried again.

        Raises:
            NotFound: The settings do not name it.
            SeatrialError: A version cannot be loaded; what served before goes on.
        """
        kept = self._known(name)
        kept.unloaded = False
        problems = await self._update(name, kept, again=True)
        if problems:
            raise problems[0]

    async def unload(self, name: str) -> None:
        """Takes a model out at once; what is under way is still answered.

        It stays out until `load`, whatever happens to its files.

        Raises:
            NotFound: There is no such model.
        """
        kept = self._kept.get(name)
        if kept is None:
            self._repository.versions(name)
            kept = _Kept(Model.model_construct())
        kept.unloaded = True
        self._publish(name, kept, [])

    async def look(self) -> None:
        """Looks for versions that came, changed or went; for a caller that comes again and again.

        Files are taken when they are the same at two looks, so that half-copied ones are not.
        """
        for name, kept in list(self._kept.items()):
            await self._update(name, kept, settled=True)

    async def watch(self, seconds: float) -> None:
        """Looks every so many seconds, for ever."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - the next look may find what this one could not
                _log.exception("the models' files could not be looked at")

    async def reload(self, models: Mapping[str, Model]) -> None:
        """Takes new settings, and looks at all files; what cannot be loaded is logged.

        Args:
            models: What may be loaded from now on; a model that is not there any more is unloaded.
        """
        for name in [each for each in self._kept if each not in models]:
            self._publish(name, self._kept.pop(name), [])
        for name, model in models.items():
            self._kept.setdefault(name, _Kept(model)).model = model
        for name, kept in list(self._kept.items()):
            await self._update(name, kept, again=True)

    def index(self, *, ready: bool = False) -> list[Listed]:
        """Every version that serves, comes, goes or could not be loaded.

        Args:
            ready: Only those that answer.
        """
        names = {**self._kept, **dict.fromkeys(self._repository.names)}
        lines = [*(line for name in names for line in self._lines(name)), *self.also()]
        return [each for each in lines if each.state == "READY"] if ready else lines

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs work that goes on though whoever asked for it went away, until `close`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Ends what is under way: versions that come and versions that go are ended at once."""
        tasks = list(self._tasks)
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for model in list(self._leaving):  # a task that was cancelled before it began has closed nothing
            await model.close()

    # -- one name --------------------------------------------------------------------------------------------
    def _known(self, name: str) -> _Kept:
        if name not in self._kept:
            there = ", ".join(self._kept) or "none"
            raise NotFound(
                f"the settings of this server name no model '{name[:80]}'", hint=f"they name: {there}"
            )
        return self._kept[name]

    async def _update(
        self, name: str, kept: _Kept, *, again: bool = False, settled: bool = False
    ) -> list[SeatrialError]:
        """Makes one name what it should be; returns what went wrong.

        Args:
            name: Of the model.
            kept: What is known of it.
            again: Also try what failed before and has not changed since.
            settled: Only take files that have not changed since the last look.
        """
        async with kept.lock:
            if kept.unloaded:
                return []
            try:
                found = await asyncio.to_thread(find_versions, kept.model.path)
            except (SeatrialError, OSError) as error:
                return [self._failed(name, kept, "", None, error)]
            kept.failed.pop("", None)
            made: list[ServedModel] = []
            try:
                chosen, problems = await self._choose(name, kept, found, made, again=again, settled=settled)
                kept.remember(found)
                if chosen and not kept.unloaded and self._kept.get(name) is kept:
                    self._publish(name, kept, chosen)
                return problems
            finally:  # unloaded, or the server closed, while they came
                for model in set(made) - set(self._repository.models):
                    await model.close()

    async def _choose(
        self,
        name: str,
        kept: _Kept,
        found: list[Found],
        made: list[ServedModel],
        *,
        again: bool,
        settled: bool,
    ) -> tuple[list[ServedModel], list[SeatrialError]]:
        """The versions that are to serve: those that must, and the newest that can; `made` gets new ones."""
        policy = kept.model.versions
        pinned = {*_pinned(kept.model), *self.named(name)}
        must, candidates = wanted(found, policy, pinned)
        chosen: dict[str, ServedModel] = {}
        problems: list[SeatrialError] = list(_missing(kept.model, found))
        newest = 0
        for each, one_of_latest in [(each, False) for each in must] + [(each, True) for each in candidates]:
            if one_of_latest and newest >= (policy.latest or 1):
                break
            model = chosen.get(each.version)
            if model is None:
                try:
                    model = await self._have(name, kept, each, again=again, settled=settled)
                except SeatrialError as error:
                    problems.append(error)
                    model = self._serving(name, each.version)
                if model is not None and model is not self._serving(name, each.version):
                    made.append(model)
            if model is not None:
                chosen[each.version] = model
                newest += one_of_latest
        for version in pinned - set(chosen):  # its folder went, and traffic is still sent to it
            model = self._serving(name, version)
            if model is not None:
                chosen[version] = model
        return list(chosen.values()), problems

    async def _have(
        self, name: str, kept: _Kept, found: Found, *, again: bool, settled: bool
    ) -> ServedModel | None:
        """A version as its files are now, made when it is not there; what serves when it must not be made."""
        now, key = self._serving(name, found.version), kept.key(found)
        if now is not None and kept.made_from.get(found.version) == key:
            return now
        if settled and kept.seen.get(found.version) != found.stamp:
            return now
        if not again and kept.failed.get(found.version, (None, ""))[0] == key:
            return now
        kept.loading.add(found.version)
        try:
            async with self._one:
                like = self._repository.model(name) if name in self._repository.names else None
                model = await self._load(name, found, kept.model, now, like=like)
        except Exception as error:  # whatever it is, what serves goes on
            raise self._failed(name, kept, found.version, key, error) from error
        finally:
            kept.loading.discard(found.version)
        kept.failed.pop(found.version, None)
        kept.made_from[found.version] = key
        if model is not now:
            self.outcomes[name, "loaded"] += 1
            self.told(model)
        return model

    def _serving(self, name: str, version: str) -> ServedModel | None:
        if name not in self._repository.names or version not in self._repository.versions(name):
            return None
        return self._repository.model(name, version)

    def _failed(self, name: str, kept: _Kept, version: str, key: Any, error: BaseException) -> SeatrialError:
        problem = (
            error if isinstance(error, SeatrialError) else ModelError(f"{type(error).__name__}: {error}")
        )
        why = problem.message
        if kept.failed.get(version) != (key, why) or key is not None:
            self.outcomes[name, "failed"] += 1
            trace = None if isinstance(error, SeatrialError | OSError) else error
            _log.error("%s version %s cannot be served: %s", name, version or "?", why, exc_info=trace)
        kept.failed[version] = (key, why)
        return problem

    def _publish(self, name: str, kept: _Kept, models: list[ServedModel]) -> None:
        for model in self._repository.publish(name, models, kept.model.aliases):
            if model not in models:
                kept.draining[model.version] += 1
                self._leaving.add(model)
                self.begin(self._retire(kept, model))

    async def _retire(self, kept: _Kept, model: ServedModel) -> None:
        """Lets a version answer what was promised to it, then frees it."""
        try:
            await asyncio.wait_for(model.drain(), self._drain_seconds)
        except TimeoutError:
            _log.warning(
                "%s version %s did not finish within %g s", model.name, model.version, self._drain_seconds
            )
        finally:
            await model.close()
            self._leaving.discard(model)
            kept.draining[model.version] -= 1
            self.outcomes[model.name, "unloaded"] += 1
            self.freed()

    def _lines(self, name: str) -> list[Listed]:
        kept = self._kept.get(name)
        serving = self._repository.versions(name) if name in self._repository.names else []
        lines = {each: self._of_serving(name, each) for each in serving}
        if kept is not None:
            for version, (_, why) in kept.failed.items():
                lines.setdefault(version, Listed(name, version, "UNAVAILABLE", why))
            for version in +kept.draining:
                lines.setdefault(version, Listed(name, version, "UNLOADING"))
            for version in kept.loading - set(serving):
                lines[version] = Listed(name, version, "LOADING")
        return list(lines.values()) or [Listed(name, "", "UNAVAILABLE", "unloaded")]

    def _of_serving(self, name: str, version: str) -> Listed:
        if self._repository.model(name, version).ready:
            return Listed(name, version, "READY", self._stale(name, version))
        return Listed(name, version, "UNAVAILABLE", "its engine is being started again")

    def _stale(self, name: str, version: str) -> str:
        """Why a version that serves is not as its files are now."""
        kept = self._kept.get(name)
        why = kept.failed.get(version, (None, ""))[1] if kept else ""
        return f"serves as it was: {why}" if why else ""


def _missing(model: Model, found: list[Found]) -> Iterator[SeatrialError]:
    there = [each.version for each in found]
    for version in model.versions.specific:
        if version not in there:
            yield NotFound(
                f"there is no version '{version}' in {model.path}", hint=f"there are: {', '.join(there)}"
            )


def _pinned(model: Model) -> set[str]:
    """Versions that are named by aliases and routes."""
    route = model.route
    named = {*model.aliases.values(), *route.weights, *route.headers.values()}
    named |= {route.shadow.version} if route.shadow else set()
    return named
