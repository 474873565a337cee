"""How a step is made from one typed function: its keyword-only parameters are its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from seatrial.contract.pipeline import REQUIRED, Context
from seatrial.errors import ContractViolation


@dataclass(frozen=True)
class FunctionStep:
    """A step whose options are the keyword-only parameters of a function, checked against their types.

    Attributes:
        name: What YAML says.
        stage: `preprocess`, `postprocess` or `both`.
        summary: One line for people.
        function: Takes the value and the context, then the options by keyword.
    """

    name: str
    stage: str
    summary: str
    function: Callable[..., Any]

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """Every option with its default; `REQUIRED` where there is none."""
        return {
            name: REQUIRED if parameter.default is parameter.empty else parameter.default
            for name, parameter in inspect.signature(self.function).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }

    @cached_property
    def model(self) -> type[BaseModel]:
        """The options as a pydantic model: options come from a file that people write."""
        hints = get_type_hints(self.function)
        fields: dict[str, Any] = {
            name: (hints[name], ... if default is REQUIRED else default)
            for name, default in self.options.items()
        }
        config = ConfigDict(extra="forbid", protected_namespaces=())
        return create_model(f"{self.name}_options", __config__=config, **fields)

    def option_schema(self) -> dict[str, Any]:
        """JSON Schema of the options."""
        schema = self.model.model_json_schema()
        schema.pop("title", None)
        return schema

    def check(self, options: Mapping[str, Any]) -> None:
        """Refuses options that are unknown, missing or of the wrong kind.

        Raises:
            ContractViolation: Says which option and what it should be.
        """
        self.filled(options)

    def apply(self, value: Any, context: Context, /, **options: Any) -> Any:
        """Fills in the options and transforms the value.

        Raises:
            ContractViolation: The value or an option is not what this step takes.
        """
        return self.function(value, context, **self.filled(options))

    def filled(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value, of its type.

        Raises:
            ContractViolation: As `check`.
        """
        unknown = sorted(set(options) - set(self.options))
        if unknown:
            near = get_close_matches(unknown[0], self.options, n=2) or sorted(self.options)
            raise ContractViolation(
                f"step '{self.name}' has no option '{unknown[0]}'",
                hint="it has: " + (", ".join(near) or "none"),
            )
        try:
            model = self.model(**options)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ContractViolation(
                f"option '{where}' of step '{self.name}': {first['msg'].lower()}, not {first.get('input')!r}"
            ) from error
        return {name: getattr(model, name) for name in self.options}
