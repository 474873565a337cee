"""`unicode_tables.cpp`: what the text steps know of Unicode, from the data that Python has in it."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

_SURROGATES = range(0xD800, 0xE000)
_HANGUL = range(0xAC00, 0xD7A4)  # composed by arithmetic


@lru_cache(maxsize=1)
def tables_source() -> str:
    """The file; about two seconds, once a process."""
    pool: list[int] = []
    parts = [
        _texts("kCanonical", pool, lambda each: unicodedata.normalize("NFD", each)),
        _texts("kCompatible", pool, _compatible),
        _texts("kLower", pool, str.lower),
        _composed(),
        _combining(),
        _ranges("kSpace", str.isspace),
        _ranges("kSeparator", lambda each: unicodedata.category(each) == "Zs"),
        _ranges("kMark", lambda each: unicodedata.category(each) == "Mn"),
        _ranges("kPunctuation", lambda each: unicodedata.category(each).startswith("P")),
        _ranges("kOther", lambda each: unicodedata.category(each).startswith("C")),
        _ranges("kCased", _cased),
        _ranges("kIgnorable", _ignorable),
    ]
    numbers = _wrapped([f"0x{each:x}" for each in pool])
    return (
        f"// Unicode {unicodedata.unidata_version}, as tables: made, do not edit.\n"
        '#include "unicode.hpp"\n\nnamespace seatrial {\n\n'
        f"extern const char32_t kPool[] = {{\n{numbers}}};\n\n"
        + "\n".join(parts)
        + "\n}  // namespace seatrial\n"
    )


def _characters() -> Iterable[str]:
    return (chr(code) for code in range(sys.maxunicode + 1) if code not in _SURROGATES)


def _compatible(character: str) -> str:
    """Only where it is another than the canonical one."""
    found = unicodedata.normalize("NFKD", character)
    return character if found == unicodedata.normalize("NFD", character) else found


def _texts(name: str, pool: list[int], of: Callable[[str], str]) -> str:
    rows = []
    for character in _characters():
        if ord(character) in _HANGUL or character == "\u03a3":  # sigma depends on its place
            continue
        found = of(character)
        if found != character:
            rows.append(f"{{0x{ord(character):x}, {len(pool)}, {len(found)}}}")
            pool += map(ord, found)
    return _table(name, "CodeText", rows)


def _composed() -> str:
    rows = []
    for character in _characters():
        parts = unicodedata.decomposition(character).split()
        if len(parts) != 2 or parts[0].startswith("<") or ord(character) in _HANGUL:
            continue
        if unicodedata.normalize("NFC", character) == character:  # not excluded from composition
            rows.append((int(parts[0], 16), int(parts[1], 16), ord(character)))
    return _table("kComposed", "CodePair", [f"{{0x{a:x}, 0x{b:x}, 0x{c:x}}}" for a, b, c in sorted(rows)])


def _combining() -> str:
    rows: list[list[int]] = []
    for character in _characters():
        kind = unicodedata.combining(character)
        if not kind:
            continue
        if rows and rows[-1][1] == ord(character) - 1 and rows[-1][2] == kind:
            rows[-1][1] += 1
        else:
            rows.append([ord(character), ord(character), kind])
    return _table("kCombining", "CodeClass", [f"{{0x{a:x}, 0x{b:x}, {c}}}" for a, b, c in rows])


def _ranges(name: str, belongs: Callable[[str], bool]) -> str:
    rows: list[list[int]] = []
    for character in _characters():
        if not belongs(character):
            continue
        if rows and rows[-1][1] == ord(character) - 1:
            rows[-1][1] += 1
        else:
            rows.append([ord(character), ord(character)])
    return _table(name, "CodeRange", [f"{{0x{a:x}, 0x{b:x}}}" for a, b in rows])


# Python does not say these two properties, but shows them: a capital sigma that ends a word becomes the final
# one when a cased letter stands before it, with nothing but ignorable characters between.
def _cased(character: str) -> bool:
    return (character + "\u03a3").lower().endswith("\u03c2")


def _ignorable(character: str) -> bool:
    return not _cased(character) and ("A" + character + "\u03a3").lower().endswith("\u03c2")


def _table(name: str, kind: str, rows: list[str]) -> str:
    return (
        f"static const {kind} {name}Rows[] = {{\n{_wrapped(rows)}}};\n"
        f"extern const Table<{kind}> {name} = {{{name}Rows, {len(rows)}}};\n"
    )


def _wrapped(entries: list[str], width: int = 10) -> str:
    lines = (", ".join(entries[place : place + width]) for place in range(0, len(entries), width))
    return "".join(f"    {line},\n" for line in lines)
