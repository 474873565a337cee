"""The report as JSON and back: one file is the truth, and nothing is lost on the way."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from seatrial.checks._report import SCHEMA, Report
from seatrial.errors import UsageError

T = TypeVar("T")

# JSON has no NaN and no infinity, and readers differ on what they make of them. They travel as
# {"$float": "NaN"}; a key of the user's that begins with "$" gets one more "$", so that the two never meet.
NON_FINITE = "$float"
_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_HINTS: dict[Any, dict[str, Any]] = {}  # looked up once a type: a report holds thousands of values
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_HINT = "give the report.json that `seatrial check` wrote"


class _Mismatch(Exception):
    """A value is not what its place in the report asks for."""

    def __init__(self, place: str, expected: str, got: object) -> None:
        shown = repr(got)
        super().__init__(f"at {place or 'the top'}: expected {expected}, got {shown[:80]}")


def to_json(report: Report) -> str:
    """The report as JSON text: keys sorted, UTF-8, same bytes for equal reports.

    Values of NumPy, paths, sets and tuples inside `data` and `figures` become plain JSON. NaN and infinities
    are written as `{"$float": "NaN"}`, so that every JSON reader can read the file.
    """
    return dump(report)


def dump(document: Any) -> str:
    """Any document made of frozen dataclasses, as `to_json` writes a report."""
    text = json.dumps(_plain(document), ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1)
    # A file name that is no UTF-8 reaches us with lone surrogates, which UTF-8 cannot carry: \udcff can.
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def from_json(text: str) -> Report:
    """Reads what `to_json` wrote: `from_json(to_json(report)) == report`.

    Fields that a later version added are ignored.

    Raises:
        UsageError: This is no JSON, no report, or a report of another version; the message names the place.
    """
    return load(Report, text, schema=SCHEMA, hint=_HINT)


def load(kind: type[T], text: str, *, schema: str, hint: str) -> T:
    """Reads what `dump` wrote; for documents whose field `schema` says what they are.

    Raises:
        UsageError: As `from_json`.
    """
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"this is no report: it is not JSON ({error})", hint=hint) from error
    if not isinstance(read, dict) or "schema" not in read:
        raise UsageError("this is no report: it says of no schema that it follows it", hint=hint)
    if read["schema"] != schema:
        raise UsageError(
            f"this report follows the schema {read['schema']!r}, and this version reads {schema!r}",
            hint="read it with the version of Seatrial that wrote it, or run the check again",
        )
    try:
        built = _build(kind, read, "")
    except (_Mismatch, RecursionError) as error:
        raise UsageError(f"this report cannot be read: {error}", hint=hint) from error
    if not isinstance(built, kind):
        raise TypeError("the reader built something else than what was asked for")
    return built


def _plain(value: Any) -> Any:
    """The value in terms of JSON."""
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {NON_FINITE: _float_name(value)}
    if isinstance(value, Mapping):
        return {_escaped(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return [_plain(each) for each in sorted(value, key=str)]
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays, without importing NumPy
        return _plain(value.tolist())
    # A check's slip in its data must not cost the user the report of the whole run.
    return str(value) if isinstance(value, PurePath) else repr(value)


def _float_name(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _escaped(key: str) -> str:
    return "$" + key if key.startswith("$") else key


def _free(value: Any) -> Any:
    """The inverse of `_plain` where no type is prescribed."""
    if isinstance(value, dict):
        if set(value) == {NON_FINITE}:
            return _non_finite(value, "a free value")
        return {key[1:] if key.startswith("$") else key: _free(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_free(each) for each in value]
    return value


def _non_finite(value: Any, place: str) -> float:
    name = value[NON_FINITE]
    if not isinstance(name, str) or name not in _FLOATS:
        raise _Mismatch(place, "NaN, Infinity or -Infinity", name)
    return _FLOATS[name]


def _build(kind: Any, value: Any, place: str) -> Any:
    """A value of the type `kind` from JSON, or `_Mismatch`."""
    if kind is Any:
        return _free(value)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _build_union(get_args(kind), value, place)
    if origin is Literal:
        if value not in get_args(kind):
            raise _Mismatch(place, " or ".join(map(str, get_args(kind))), value)
        return value
    if origin is tuple:
        return _build_tuple(get_args(kind), value, place)
    if origin is not None and issubclass(origin, Mapping):
        return _build_mapping(get_args(kind)[1], value, place)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, place)
    return _build_scalar(kind, value, place)


def _build_scalar(kind: Any, value: Any, place: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            raise _Mismatch(place, " or ".join(each.value for each in kind), value) from None
    if kind is float:
        if isinstance(value, dict) and set(value) == {NON_FINITE}:
            return _non_finite(value, place)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value) if abs(value) < 2**1023 else value
    elif kind is type(None):
        if value is None:
            return None
    elif type(value) is kind:
        return value
    raise _Mismatch(place, {"NoneType": "null"}.get(kind.__name__, kind.__name__), value)


def _build_union(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    # Evidence says what it is; asking its kind first gives an error about the field, not about the union.
    if isinstance(value, dict) and "kind" in value:
        for kind in kinds:
            if dataclasses.is_dataclass(kind) and value["kind"] in get_args(_fields(kind)["kind"]):
                return _build(kind, value, place)
    if value is None and type(None) in kinds:
        return None
    present = [kind for kind in kinds if kind is not type(None)]
    if len(present) == 1:
        return _build(present[0], value, place)
    # An int must stay an int, so the exact type goes before the one that would also take it.
    for kind in sorted(present, key=lambda each: type(value) is not each):
        try:
            return _build(kind, value, place)
        except _Mismatch:
            continue
    raise _Mismatch(place, " or ".join(getattr(each, "__name__", str(each)) for each in kinds), value)


def _build_tuple(items: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _Mismatch(place, "a list", value)
    return tuple(_build(items[0], each, f"{place}[{row}]") for row, each in enumerate(value))


def _build_mapping(item: Any, value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Mismatch(place, "an object", value)
    read = {}
    for key, each in value.items():
        name = key[1:] if key.startswith("$") else key
        read[name] = _build(item, each, f"{place}.{name}")
    return read


def _build_dataclass(kind: type[Any], value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise _Mismatch(place, f"a {kind.__name__}", value)
    hints = _fields(kind)
    given: dict[str, Any] = {}
    for each in dataclasses.fields(kind):
        if each.name in value:
            given[each.name] = _build(hints[each.name], value[each.name], f"{place}.{each.name}".lstrip("."))
        elif each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING:
            raise _Mismatch(place, f"the field '{each.name}'", sorted(value))
    return kind(**given)


def _fields(kind: Any) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]
