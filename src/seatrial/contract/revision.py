"""A contract file with some fields changed and everything else, comments included, as it was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import yaml

from seatrial.contract.contract import Contract
from seatrial.contract.document import dump_contract, fingerprinted, parse_contract
from seatrial.contract.yaml_source import Source, parse
from seatrial.errors import SeatrialError

_LISTS = ("inputs", "outputs", "preprocess", "postprocess")


def revise(text: str, contract: Contract, *, name: str) -> str:
    """The text of a contract file, changed so that reading it gives `contract`.

    Comments and the form of what did not change stay. Where that cannot be done (a list that was kept in
    brackets and such), the whole is written anew.

    Args:
        text: The file as it is.
        contract: What it should say; lists in files must be there under `contract.root`.
        name: Of the file, for errors.

    Raises:
        ContractViolation: The text is no contract.
    """
    wanted = fingerprinted(contract)
    old, fresh = parse(text, name), dump_contract(wanted)
    try:
        patched = _patched(text, old, fresh, parse(fresh, name))
        read = parse_contract(patched, root=contract.root, name=name)
        if _same(read, wanted):
            return patched
    except (SeatrialError, ValueError, IndexError):
        pass  # what could not be patched is written anew
    return fresh


def _same(read: Contract, wanted: Contract) -> bool:
    return replace(read, source=wanted.source) == wanted and read.files == wanted.files


def _patched(text: str, old: Source, fresh_text: str, fresh: Source) -> str:
    """Replaces the fields that differ, from the last to the first so that places stay true."""
    lines, fresh_lines = text.splitlines(keepends=True), fresh_text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    spans, fresh_spans = _fields(old.node), _fields(fresh.node)
    for field, (start, end, value) in sorted(spans.items(), key=lambda each: -each[1][0]):
        if field not in fresh_spans:
            if field in ("fingerprints", "labels", "vocabulary", "deployment"):
                lines[start:end] = []
            continue
        if old.data[field] == fresh.data.get(field):
            continue
        first, last, other = fresh_spans[field]
        if field in _LISTS and _in_block(value) and _in_block(other):
            _patch_list(lines, value, old.data[field], fresh_lines, other, fresh.data[field])
        else:
            lines[start:end] = fresh_lines[first:last]
    for field, (first, last, _) in sorted(fresh_spans.items(), key=lambda each: each[1][0]):
        if field not in spans:
            lines += ["\n", *fresh_lines[first:last]]
    return "".join(lines)


def _fields(root: yaml.Node) -> dict[str, tuple[int, int, yaml.Node]]:
    """First line, line after the last, and value of each field."""
    return {
        str(key.value): (key.start_mark.line, _end(value) + 1, value)
        for key, value in (root.value if isinstance(root, yaml.MappingNode) else [])
    }


def _end(node: yaml.Node) -> int:
    """The last line of a node. A block's own end mark lies at whatever comes after it, comments skipped."""
    inside: list[Any] = []
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        inside = [each for pair in node.value for each in pair]
    elif isinstance(node, yaml.SequenceNode) and not node.flow_style:
        inside = list(node.value)
    if inside:
        return max(_end(each) for each in inside)
    mark = node.end_mark
    # A block scalar ends at column 0 of the line after it.
    return mark.line - 1 if mark.column == 0 and mark.line > node.start_mark.line else mark.line


def _in_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.SequenceNode) and not node.flow_style and bool(node.value)


def _patch_list(
    lines: list[str],
    node: yaml.Node,
    data: Sequence[Any],
    fresh_lines: Sequence[str],
    fresh: yaml.Node,
    fresh_data: Sequence[Any],
) -> None:
    """Replaces, inserts and takes away single items of a list that has one item a line or more."""
    ours = [(each.start_mark.line, _end(each) + 1) for each in node.value]
    theirs = [(each.start_mark.line, _end(each) + 1) for each in fresh.value]
    indent = " " * max(node.value[0].start_mark.column - 2, 0)
    mine, other = [repr(each) for each in data], [repr(each) for each in fresh_data]
    matcher = SequenceMatcher(None, mine, other, autojunk=False)
    for kind, a, b, c, d in reversed(matcher.get_opcodes()):
        if kind == "equal":
            continue
        new = [
            indent + line.lstrip() if line.lstrip().startswith("- ") else line
            for first, last in theirs[c:d]
            for line in fresh_lines[first:last]
        ]
        start = ours[a][0] if a < len(ours) else ours[-1][1]
        end = ours[b - 1][1] if b > a else start
        lines[start:end] = new


def free_name(path: Path) -> Path:
    """A name beside a file for its corrected version: `contract.fixed.yaml`, then `contract.fixed.2.yaml`."""
    stem = path.stem.removesuffix(".fixed")
    found, number = path.with_name(f"{stem}.fixed{path.suffix}"), 2
    while found.exists():
        found, number = path.with_name(f"{stem}.fixed.{number}{path.suffix}"), number + 1
    return found
