"""YAML that people wrote, with the line of every field, so that an error can point at it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seatrial.errors import ContractViolation, NotFound

LARGEST_TEXT = 16 << 20
LARGEST_UNFOLDED = 4 * LARGEST_TEXT  # characters and nodes once every alias is written out
DEEPEST = 64
LONGEST_INTEGER = 64  # characters; long ones take the square of their length to read (`1:1:1:...`)

_KEYS = tuple(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
_PLAIN = (*_KEYS, "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
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
        if aliases:
            _check_unfolded(node, name)
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
        if node.tag.endswith("int") and len(node.value) > LONGEST_INTEGER:
            raise ContractViolation(f"{name} line {line}: a number of {len(node.value)} digits")
        if isinstance(node, yaml.MappingNode):
            # `<<` and dates are no words: they have tags of their own.
            keys = [key.value for key, _ in node.value if key.tag in _KEYS]
            if len(keys) != len(node.value):
                raise ContractViolation(f"{name} line {line}: a key must be a word")
            key, count = Counter(keys).most_common(1)[0] if keys else ("", 0)
            if count > 1:
                raise ContractViolation(f"{name} line {line}: '{key}' stands there twice")
        for each in _inside(node):
            if id(each) not in seen:  # an alias makes a node appear twice, or inside itself
                seen.add(id(each))
                waiting.append(each)


def _check_unfolded(root: yaml.Node, name: str) -> None:
    """Refuses aliases that hold themselves, or that would unfold to more than a person ever wrote."""
    known: dict[int, tuple[int, int]] = {}  # size and height of each node, aliases written out
    above: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        line = node.start_mark.line + 1
        if id(node) in above:
            raise ContractViolation(f"{name} line {line} holds itself")
        if len(above) > DEEPEST:
            raise ContractViolation(f"{name} line {line} is nested deeper than {DEEPEST}")
        if id(node) not in known:
            above.add(id(node))
            parts = [measure(each) for each in _inside(node)]
            above.discard(id(node))
            own = len(node.value) if isinstance(node, yaml.ScalarNode) else 0
            sizes, heights = zip(*parts, strict=True) if parts else ((), (0,))
            known[id(node)] = 1 + own + sum(sizes), 1 + max(heights)
        size, height = known[id(node)]
        if height > DEEPEST + 1:
            raise ContractViolation(f"{name} line {line} is nested deeper than {DEEPEST}")
        if size > LARGEST_UNFOLDED:
            raise ContractViolation(f"{name}: aliases unfold to more than {LARGEST_UNFOLDED:,} characters")
        return known[id(node)]

    measure(root)


def _inside(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _number(text: str) -> str:
    """A YAML float in Python's spelling; sexagesimals (1:30.5) stay finite and are left to the loader."""
    text = text.replace("_", "").lower()
    return "0" if ":" in text else text.replace(".inf", "inf").replace(".nan", "nan")
