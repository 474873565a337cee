"""The models and versions that one server has loaded (Triton's and KServe's word)."""

from __future__ import annotations

from seatrial.errors import NotFound, UsageError
from seatrial.serve.model import ServedModel


class Repository:
    """Loaded models by name and version, in the order they came."""

    def __init__(self) -> None:
        self._models: dict[str, dict[str, ServedModel]] = {}

    @property
    def models(self) -> list[ServedModel]:
        """Every version of every model."""
        return [each for versions in self._models.values() for each in versions.values()]

    def add(self, model: ServedModel) -> None:
        """Takes a model in; the version that comes last is the one meant when none is named.

        Raises:
            UsageError: This version is there already.
        """
        versions = self._models.setdefault(model.name, {})
        if model.version in versions:
            raise UsageError(
                f"'{model.name}' version {model.version} is there twice", hint="name one of them: NAME=MODEL"
            )
        versions[model.version] = model

    def versions(self, name: str) -> list[str]:
        """The versions of a model that answer.

        Raises:
            NotFound: There is no such model.
        """
        if name not in self._models:
            raise NotFound(f"there is no model '{name[:80]}'", hint="there are: " + ", ".join(self._models))
        return list(self._models[name])

    def model(self, name: str, version: str = "") -> ServedModel:
        """A model by name; without a version the current one.

        Raises:
            NotFound: There is no such model or version.
        """
        known = self.versions(name)
        if version and version not in known:
            raise NotFound(f"'{name}' has no version '{version[:80]}'", hint="it has: " + ", ".join(known))
        return self._models[name][version or known[-1]]
