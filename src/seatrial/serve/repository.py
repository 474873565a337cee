"""The models and versions that one server has loaded (Triton's and KServe's word)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from seatrial.errors import NotFound, UsageError
from seatrial.serve.model import ServedModel

_PRE_RELEASE = re.compile(r"(v?[0-9]+\.[0-9]+\.[0-9]+)-(.+)", re.DOTALL)


def version_order(version: str) -> tuple[Any, ...]:
    """The key that sorts versions as people count: 2 before 10, 1.9 before 1.10, 1.0.0-rc1 before 1.0.0."""
    found = _PRE_RELEASE.fullmatch(version)
    core, early = found.groups() if found else (version, "")
    return (_natural(core), not early, _natural(early), version)


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    words = re.findall(r"[0-9]+|[^0-9.+_-]+", text)
    return tuple((1, int(each), "") if each.isascii() and each.isdigit() else (0, 0, each) for each in words)


class Repository:
    """What answers, by name and version. Every change is one assignment: nobody sees half of it."""

    def __init__(self) -> None:
        self._models: dict[str, dict[str, ServedModel]] = {}
        self._aliases: dict[str, Mapping[str, str]] = {}
        self._told: list[Callable[[ServedModel], None]] = []

    @property
    def models(self) -> list[ServedModel]:
        """Every version of every model."""
        return [each for versions in self._models.values() for each in versions.values()]

    @property
    def names(self) -> list[str]:
        """Of the models, in the order they came."""
        return list(self._models)

    def add(self, model: ServedModel) -> None:
        """Takes a version in; the newest is the one meant when none is named.

        Raises:
            UsageError: This version is there already.
        """
        there = self._models.get(model.name, {})
        if model.version in there:
            raise UsageError(
                f"'{model.name}' version {model.version} is there twice", hint="name one of them: NAME=MODEL"
            )
        self.publish(model.name, [*there.values(), model], self._aliases.get(model.name, {}))

    def publish(
        self, name: str, models: Iterable[ServedModel], aliases: Mapping[str, str] | None = None
    ) -> list[ServedModel]:
        """From now on these versions of a model answer and no others; returns those that left.

        Args:
            name: Of the model.
            models: Its versions; none: the model is gone.
            aliases: Versions by another name.
        """
        before = self._models.get(name, {})
        after = {each.version: each for each in sorted(models, key=lambda each: version_order(each.version))}
        if after:
            self._models[name] = after
            self._aliases[name] = dict(aliases or {})
        else:
            self._models.pop(name, None)
            self._aliases.pop(name, None)
        for model in after.values():
            if before.get(model.version) is not model:
                for told in self._told:
                    told(model)
        return [each for each in before.values() if after.get(each.version) is not each]

    def watch(self, told: Callable[[ServedModel], None]) -> None:
        """Tells of each version that answers, those that are there and those that come."""
        self._told.append(told)
        for each in self.models:
            told(each)

    def versions(self, name: str) -> list[str]:
        """The versions of a model that answer, oldest first.

        Raises:
            NotFound: There is no such model.
        """
        if name not in self._models:
            raise self._unknown(name)
        return list(self._models[name])

    def aliases(self, name: str) -> Mapping[str, str]:
        """Versions of a model by another name."""
        return self._aliases.get(name, {})

    def model(self, name: str, version: str = "") -> ServedModel:
        """A model by name; without a version the newest.

        Args:
            name: As clients say it.
            version: Or an alias of one.

        Raises:
            NotFound: There is no such model or version.
        """
        versions = self._models.get(name)
        if versions is None:
            raise self._unknown(name)
        if not version:
            return next(reversed(versions.values()))
        found = versions.get(version) or versions.get(self._aliases[name].get(version, ""))
        if found is None:
            there = ", ".join([*versions, *self._aliases[name]])
            raise NotFound(f"'{name}' has no version '{version[:80]}'", hint=f"it has: {there}")
        return found

    def _unknown(self, name: str) -> NotFound:
        there = ", ".join(self._models) or "none"
        return NotFound(f"there is no model '{name[:80]}'", hint=f"there are: {there}")
