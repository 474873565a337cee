"""Puts the tensors of a parameters file beside the parameters of its graph.

The file has no names: tensor k belongs to the k-th name in byte order. So a single tensor too many or too few
shifts all that follow, and weights of another network are only seen by their shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.model.artifact import Parameter, Problem
from seatrial.model.formats._graph import Declared, problem
from seatrial.model.formats._pdiparams import Scan, Stored, scan

MAX_REPORTED = 20
_OTHER_MODEL = "the parameters are of another model or another export: put both files of one export together"


@dataclass(frozen=True, slots=True)
class Matched:
    """Parameters in the graph's order of names, and what is wrong with them."""

    parameters: tuple[Parameter, ...]
    problems: tuple[Problem, ...]


def match(declared: Sequence[Declared], path: Path | None, *, expected: str) -> Matched:
    """Reads `path` and gives every declared parameter its bytes.

    Args:
        declared: Parameters of the graph, in any order.
        path: The parameters file, or None when there is none.
        expected: Name the parameters file should have, for the message.
    """
    names = sorted(declared, key=lambda each: each.name.encode("utf-8", "surrogatepass"))
    if path is None:
        return _missing(names, expected)
    found = scan(path, limit=len(names))
    problems = _of_the_file(names, found, path)
    parameters = []
    wrong = 0
    counts = len(found.tensors) == len(names) and not any(
        each.code == "parameters-count" for each in problems
    )
    for index, want in enumerate(names):
        have = found.tensors[index] if index < len(found.tensors) else None
        mismatch = _mismatch(want, have, path) if have else None
        if mismatch is not None:
            wrong += 1
            if wrong <= MAX_REPORTED and (counts or wrong == 1):
                problems.append(mismatch)
        fits = have is not None and mismatch is None and have.available == have.nbytes
        parameters.append(_parameter(want, have if fits else None, path))
    if counts and wrong > MAX_REPORTED:
        problems.append(
            problem(
                "parameter-shape",
                f"{wrong - MAX_REPORTED} more parameters do not match",
                path.name,
                _OTHER_MODEL,
                room="weights",
            )
        )
    return Matched(tuple(parameters), tuple(problems))


def _missing(names: Sequence[Declared], expected: str) -> Matched:
    problems = []
    if names:
        problems.append(
            problem(
                "parameters-missing",
                f"the graph has {len(names)} parameters and there is no parameters file; Paddle 3 would "
                "run it on random weights without a word",
                expected,
                "put the parameters file of the same export beside the graph",
            )
        )
    return Matched(tuple(_parameter(each, None, None) for each in names), tuple(problems))


def _parameter(want: Declared, have: Stored | None, path: Path | None) -> Parameter:
    if have is None:
        return Parameter(want.name, want.dtype, want.shape, None, 0, 0)
    return Parameter(want.name, have.dtype, have.shape, path, have.offset, have.nbytes)


def _of_the_file(names: Sequence[Declared], found: Scan, path: Path) -> list[Problem]:
    """Defects of the file as a whole: cut, too long, too few tensors, too many."""
    problems = []
    read = found.tensors
    if found.size == 0 and names:
        return [_truncated(path, f"the file is empty, the graph has {len(names)} parameters", names[0].name)]
    if found.defect is not None:
        at = names[len(read)].name
        message = f"{found.defect.message} ('{at}' by the graph)"
        return [problem(found.defect.code, message, found.defect.where, found.defect.hint)]
    if read and read[-1].available < read[-1].nbytes:
        last, name = read[-1], names[len(read) - 1].name
        missing = last.nbytes - last.available
        problems.append(
            _truncated(
                path,
                f"'{name}' needs {last.nbytes:,} bytes from byte {last.offset:,} on, the file ends "
                f"{missing:,} bytes too early; Paddle loads this without a word",
                name,
            )
        )
    elif len(read) < len(names):
        problems.append(
            problem(
                "parameters-count",
                f"the graph has {len(names)} parameters, the file has {len(read)}; {_parting(names, read)}",
                path.name,
                _OTHER_MODEL,
            )
        )
    elif found.end < found.size:
        problems.append(_rest(path, names, found))
    return problems


def _truncated(path: Path, message: str, name: str) -> Problem:
    return problem(
        "parameters-truncated",
        message,
        f"{path.name}, tensor {name}",
        "copy the parameters file again from the export and compare the sizes",
    )


def _rest(path: Path, names: Sequence[Declared], found: Scan) -> Problem:
    """What lies behind the last tensor that the graph knows: more tensors, or bytes of no meaning."""
    more = scan(path, limit=len(names) + 100_000)
    if (
        more.defect is None
        and more.end == more.size
        and more.tensors[-1].available == more.tensors[-1].nbytes
    ):
        return problem(
            "parameters-count",
            f"the graph has {len(names)} parameters, the file has {len(more.tensors)}; "
            f"{_parting(names, more.tensors)}",
            path.name,
            _OTHER_MODEL,
        )
    return problem(
        "parameters-trailing-bytes",
        f"{found.size - found.end:,} bytes follow the last parameter and belong to nothing",
        f"{path.name}, byte {found.end:,}",
        "copy the parameters file again from the export and compare the sizes",
    )


def _parting(names: Sequence[Declared], read: Sequence[Stored]) -> str:
    """Where the two sequences part."""
    for index, (want, have) in enumerate(zip(names, read, strict=False)):
        if _shape_differs(want.shape, have.shape) or want.dtype != have.dtype:
            return (
                f"they part at '{want.name}' (number {index}): {want.dtype} {list(want.shape)} by the graph, "
                f"{have.dtype} {list(have.shape)} in the file"
            )
    if len(read) < len(names):
        return f"'{names[len(read)].name}' and what follows is not there"
    return "the last ones belong to nothing"


def _mismatch(want: Declared, have: Stored, path: Path) -> Problem | None:
    where = f"{path.name}, tensor {want.name}"
    if _shape_differs(want.shape, have.shape):
        return problem(
            "parameter-shape",
            f"'{want.name}' is {list(want.shape)} by the graph and {list(have.shape)} in the file",
            where,
            _OTHER_MODEL,
            room="weights",
        )
    if want.dtype != have.dtype:
        return problem(
            "parameter-dtype",
            f"'{want.name}' is {want.dtype} by the graph and {have.dtype} in the file",
            where,
            _OTHER_MODEL,
            room="weights",
        )
    return None


def _shape_differs(want: tuple[int, ...], have: tuple[int, ...]) -> bool:
    """Whether two shapes cannot be the same; -1 in the graph is open."""
    if len(want) != len(have):
        return True
    return any(a not in (b, -1) for a, b in zip(want, have, strict=True))
