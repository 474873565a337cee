"""YAML that people wrote, with the line of every field, so that an error can point at it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seatrial.errors import ContractViolation, NotFound

LARGEST_TEXT = 16 << 20
DEEPEST = 64

_PLAIN = tuple(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map"))
_LOADER: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # dictionaries of 6,000 lines: 10 times faster in C


@dataclass(frozen=True)
class Source:
    """A parsed document.

    Attributes:
        data: As plain Python values: None, bool, int, float, str, list, dict.
        node: The tree it was made of, with places.
        name: Of the file, for errors.
    """

    data: Any
    node: yaml.Node
    name: str

    def place(self, path: Sequence[Any]) -> str:
        """`contract.yaml line 7, inputs.0.shape` for a path of keys and indices, as deep as it exists."""
        node, known = self.node, []
        for part in path:
            inner = _child(node, part)
            if inner is None:
                break
            node = inner
            known.append(str(part))
        wanted = ".".join(str(part) for part in path)
        return f"{self.name} line {node.start_mark.line + 1}" + (f", {wanted}" if wanted else "")


def _child(node: yaml.Node, part: Any) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    return None


def read_text(path: Path) -> str:
    """A text file of bounded size.

    Raises:
        NotFound: There is no such file.
        ContractViolation: It is a folder, too large, not UTF-8 or not readable.
    """
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise ContractViolation(f"'{path.name}' is larger than {LARGEST_TEXT >> 20} MiB")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFound(f"there is no file '{path}'") from error
    except OSError as error:
        raise ContractViolation(f"'{path}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ContractViolation(f"'{path.name}' is not UTF-8 (byte {error.start})") from error


def parse(text: str, name: str, *, aliases: bool = False) -> Source:
    """Parses one YAML document into plain values.

    Args:
        text: The document.
        name: Of the file, for errors.
        aliases: Whether `*name` is allowed; a few lines of them can unfold to gigabytes.

    Raises:
        ContractViolation: No YAML, more than one document, a key twice, too deep, or a value that JSON
            has no type for (dates, sets, NaN).
    """
    try:
        _check_events(text, name, aliases=aliases)
        node = _composed(text, name)
        _check_nodes(node, name)
        loader = _LOADER("")
        try:
            data = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be parsed"
        raise ContractViolation(f"{name}{where} is no valid YAML: {problem}") from error
    except (ValueError, OverflowError, UnicodeError) as error:
        raise ContractViolation(f"{name} holds a value that cannot be read: {error}") from error
    return Source(data, node, name)


def _composed(text: str, name: str) -> yaml.Node:
    node = yaml.compose(text, Loader=_LOADER)
    if node is None:
        raise ContractViolation(f"{name} is empty")
    return node


def _check_events(text: str, name: str, *, aliases: bool) -> None:
    """Depth and aliases are looked at in the flat stream: the tree builder would recurse."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise ContractViolation(f"{name} line {line} is nested deeper than {DEEPEST}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent) and not aliases:
            raise ContractViolation(
                f"{name} line {line}: '*{event.anchor}' is not allowed here; write the value out"
            )


def _check_nodes(root: yaml.Node, name: str) -> None:
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        line = node.start_mark.line + 1
        if node.tag not in _PLAIN:
            raise ContractViolation(
                f"{name} line {line}: {node.value!r} is read as {node.tag}; put quotes around it"
            )
        if node.tag.endswith("float") and not math.isfinite(float(_number(node.value))):
            raise ContractViolation(f"{name} line {line}: {node.value} is no number one can count with")
        inner = list(node.value) if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if len(keys) != len(node.value):
                raise ContractViolation(f"{name} line {line}: a key must be a word")
            twice = (
                next((key for key in keys if keys.count(key) > 1), None)
                if len(set(keys)) < len(keys)
                else None
            )
            if twice is not None:
                raise ContractViolation(f"{name} line {line}: '{twice}' stands there twice")
            inner = [value for _, value in node.value]
        for each in inner:
            if id(each) not in seen:  # an alias makes a node appear twice, or inside itself
                seen.add(id(each))
                waiting.append(each)


def _number(text: str) -> str:
    """A YAML float in Python's spelling; sexagesimals (1:30.5) stay finite and are left to the loader."""
    text = text.replace("_", "").lower()
    return "0" if ":" in text else text.replace(".inf", "inf").replace(".nan", "nan")
