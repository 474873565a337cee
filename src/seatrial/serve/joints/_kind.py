"""What a value of a pipeline is, as far as it is known before any request: checked when the server starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

BASES = ("payload", "picture", "text", "number", "object", "any")
_OF_JSON = {"string": "text", "number": "number", "integer": "number", "object": "object"}


@dataclass(frozen=True)
class Kind:
    """A kind such as `picture[]`: what each is, and how deep the lists of it are.

    Attributes:
        base: One of `BASES`: `payload` is what the client sent, `any` is not known before it is there.
        depth: Levels of lists around it.
        fields: Of an object, where they are known.
        color: Of pictures: `RGB`, `BGR`, `GRAY`; empty: not known.
    """

    base: str
    depth: int = 0
    fields: Mapping[str, Kind] = field(default_factory=dict)
    color: str = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """A kind from its name, such as `number[][]`.

        Raises:
            ValueError: There is no such kind.
        """
        base = text.rstrip("[]")
        depth = (len(text) - len(base)) // 2
        if base not in BASES or text != base + "[]" * depth:
            raise ValueError(f"'{text}' is no kind; the bases are {', '.join(BASES)}")
        return cls(base, depth)

    @classmethod
    def of_schema(cls, schema: Mapping[str, Any]) -> Kind:
        """The kind of what a JSON Schema describes."""
        kind = schema.get("type")
        if kind == "array":
            return cls.of_schema(schema.get("items") or {}).listed()
        if kind == "object":
            properties: Mapping[str, Any] = schema.get("properties") or {}
            return cls("object", fields={name: cls.of_schema(each) for name, each in properties.items()})
        return cls(_OF_JSON.get(str(kind), "any"))

    def listed(self) -> Kind:
        """A list of this kind."""
        return replace(self, depth=self.depth + 1)

    def each(self) -> Kind:
        """What is in a list of this kind."""
        return self if self.base == "any" and not self.depth else replace(self, depth=self.depth - 1)

    def field(self, name: str) -> Kind | None:
        """The kind of a field, of each object where this is a list; None: it has no such field."""
        if self.base == "any" or (self.base == "object" and not self.fields):
            return Kind("any", self.depth)
        found = self.fields.get(name)
        return None if found is None else replace(found, depth=found.depth + self.depth)

    def fits(self, wanted: Kind) -> bool:
        """Whether a value of this kind can be given where another is wanted."""
        if self.base == "any":
            return True
        return self.depth >= wanted.depth if wanted.base == "any" else str(self) == str(wanted)

    def __str__(self) -> str:
        return self.base + "[]" * self.depth
