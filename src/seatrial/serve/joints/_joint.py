"""How a joint is made from one typed function: its first parameters are taken, the others are options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from seatrial.errors import ContractViolation
from seatrial.serve.joints._kind import Kind


@dataclass(frozen=True)
class Joint:
    """What one file of this folder defines as `JOINT`.

    Attributes:
        name: What a pipeline's file says.
        summary: One line for people.
        takes: Kinds by the name of the parameter, such as `{"picture": "picture"}`. A function with
            `**columns` takes values of any names; their kind stands under `*`.
        gives: Kind of the result. Pictures have the color that the option `color` says, else that of the
            first pictures taken.
        function: Takes the values by keyword, and keyword-only options with types and defaults.
        one_for_one: Whether the result has one for each of what was taken, in its order; then what was
            dropped before stays dropped at its place. Else what is left stands together.
    """

    name: str
    summary: str
    takes: Mapping[str, str]
    gives: str
    function: Callable[..., Any]
    one_for_one: bool = False

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.function).parameters

    @property
    def open(self) -> bool:
        """Whether values of any names are taken."""
        return any(each.kind is each.VAR_KEYWORD for each in self._parameters.values())

    @property
    def required(self) -> frozenset[str]:
        """Names of values that must be given."""
        return frozenset(
            name
            for name, each in self._parameters.items()
            if each.kind is each.POSITIONAL_OR_KEYWORD and each.default is each.empty
        )

    @cached_property
    def options(self) -> type[BaseModel]:
        """The options as a pydantic model: they come from a file that people write."""
        hints = get_type_hints(self.function)
        fields: dict[str, Any] = {
            name: (hints[name], ... if each.default is each.empty else each.default)
            for name, each in self._parameters.items()
            if each.kind is each.KEYWORD_ONLY
        }
        config = ConfigDict(extra="forbid", protected_namespaces=())
        return create_model(f"{self.name}_options", __config__=config, **fields)

    def filled(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options with their defaults.

        Raises:
            ContractViolation: One is unknown, missing or of the wrong kind.
        """
        known = list(self.options.model_fields)
        for name in options:
            if name not in known:
                near = get_close_matches(str(name), known, n=2) or known
                hint = "it has: " + (", ".join(near) or "none")
                raise ContractViolation(f"joint '{self.name}' has no option '{name}'", hint=hint)
        try:
            model = self.options(**options)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ContractViolation(
                f"option '{where}' of joint '{self.name}': {first['msg'].lower()}, not {first.get('input')!r}"
            ) from error
        return {name: getattr(model, name) for name in known}

    def wanted(self, name: str) -> Kind | None:
        """The kind that is taken under a name; None: nothing is."""
        if name in self.takes and name != "*":
            return Kind.of(self.takes[name])
        return Kind.of(self.takes["*"]) if self.open else None

    def result(self, taken: Mapping[str, Kind], options: Mapping[str, Any]) -> Kind:
        """The kind of the result, with the color of its pictures.

        Args:
            taken: Kinds by name, as they are given.
            options: All of them, from `filled`.
        """
        kind = Kind.of(self.gives)
        if kind.base == "picture":
            colors = (each.color for each in taken.values() if each.base == "picture")
            color = str(options.get("color") or next(colors, ""))
            return Kind(kind.base, kind.depth, color=color)
        if kind.base == "object":
            return Kind(kind.base, kind.depth, fields=_columns(taken) if self.open else _same(taken))
        return kind


def _columns(taken: Mapping[str, Kind]) -> Mapping[str, Kind]:
    """Lists of values become fields of rows."""
    return {name: each.each() for name, each in taken.items()}


def _same(taken: Mapping[str, Kind]) -> Mapping[str, Kind]:
    return next((each.fields for each in taken.values() if each.base == "object"), {})
