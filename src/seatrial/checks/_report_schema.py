"""The JSON Schema of a report, made from the types, so that the two cannot drift apart."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from seatrial.checks._report import SCHEMA, Report
from seatrial.checks._report_json import NON_FINITE

_NON_FINITE = {
    "type": "object",
    "description": "A number that JSON cannot write.",
    "properties": {NON_FINITE: {"enum": ["NaN", "Infinity", "-Infinity"]}},
    "required": [NON_FINITE],
    "additionalProperties": False,
}
_SIMPLE: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


def report_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of `report.json`; published as `docs/reference/report.schema.json`."""
    return document_schema(Report, SCHEMA, "Report of a sea trial")


def document_schema(kind: type, schema: str, title: str) -> dict[str, Any]:
    """JSON Schema of a document made of frozen dataclasses, whose field `schema` says what it is."""
    definitions: dict[str, Any] = {"NonFinite": _NON_FINITE}
    top = _schema(kind, definitions)
    definitions[kind.__name__]["properties"]["schema"] = {"const": schema}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{schema.replace('/', ':')}",
        "title": title,
        **top,
        "$defs": dict(sorted(definitions.items())),
    }


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind in _SIMPLE:
        return dict(_SIMPLE[kind])
    if kind is float:
        return {"anyOf": [{"type": "number"}, {"$ref": "#/$defs/NonFinite"}]}
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": _flat([_schema(each, definitions) for each in inner])}
    if origin is Literal:
        return {"enum": list(inner)} if len(inner) > 1 else {"const": inner[0]}
    if origin is tuple:
        return {"type": "array", "items": _schema(inner[0], definitions)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(inner[1], definitions)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        definitions[kind.__name__] = {"enum": [each.value for each in kind]}
    elif kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # stands here already while its own fields are described
        definitions[kind.__name__] = _object(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _flat(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    flat: list[dict[str, Any]] = []
    for each in choices:
        flat += [one for one in each.get("anyOf", [each]) if one not in flat]
    return flat


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    said = inspect.cleandoc(kind.__doc__ or "")
    properties = {}
    for name, hint in get_type_hints(kind).items():
        about = re.search(rf"^ +{name}: (.*)$", said, re.MULTILINE)
        properties[name] = {**_schema(hint, definitions), **({"description": about[1]} if about else {})}
    return {
        "type": "object",
        "description": said.partition("\n")[0],
        "properties": properties,
        # `to_json` writes every field, also those that have a default in Python.
        "required": [each.name for each in dataclasses.fields(kind)],
        "additionalProperties": False,
    }
