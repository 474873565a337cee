"""Which row of a reference belongs to which sample: by key, or by order when the counts leave no doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from seatrial.contract import Sample
from seatrial.errors import UsageError


@dataclass(frozen=True)
class Rows:
    """Where chosen samples stand in the data they were chosen from.

    Attributes:
        places: For each sample its row in the data.
        counts: Numbers of rows a file in the order of the data may have: the whole set, or its first part.
    """

    places: tuple[int, ...]
    counts: tuple[int, ...]


def rows_of(
    samples: Sequence[Sample],
    count: int,
    *,
    keys: Sequence[str] | None,
    rows: Rows | None,
    where: str,
) -> list[int | None]:
    """For each sample its row, or None when the reference has none for it.

    Args:
        samples: In order.
        count: Rows there are.
        keys: A sample's key for each row, or None when rows go by order.
        rows: Where the samples stand in the data; None: they are all of it, in order.
        where: The file, for errors.

    Raises:
        UsageError: The counts do not match, a key stands there twice, or no key is known.
    """
    rows = rows or Rows(tuple(range(len(samples))), (len(samples),))
    if keys is None:
        if count not in rows.counts or max(rows.places, default=0) >= count:
            expected = " or ".join(str(each) for each in sorted(set(rows.counts), reverse=True))
            raise UsageError(
                f"'{where}' has {count} rows, and there are {expected} samples",
                hint="one row a sample in the order of the data, or an array 'key' with the samples' names",
            )
        return list(rows.places)
    twice = [key for key, times in Counter(keys).items() if times > 1]
    if twice:
        raise UsageError(f"'{where}': the key {twice[0]!r} stands there {keys.count(twice[0])} times")
    found = _matched(samples, keys)
    if all(row is None for row in found):
        raise UsageError(
            f"'{where}': no key is a sample's: it has {_few(keys)}, and the samples are "
            f"{_few([each.key for each in samples])}",
            hint="keys are file names, line numbers or row indices, as the reports show them",
        )
    strange = sorted(set(keys) - {keys[row] for row in found if row is not None})
    if strange and len(samples) == max(rows.counts):
        raise UsageError(
            f"'{where}': {len(strange)} of {count} keys are no sample's: {_few(strange)}",
            hint="leave them out, or give the data they belong to",
        )
    return found


def _matched(samples: Sequence[Sample], keys: Sequence[str]) -> list[int | None]:
    """By the whole key; where none fits, by the bare name of the file, if it is the only one of that name."""
    exact = {key: row for row, key in enumerate(keys)}
    found = [exact.get(each.key) for each in samples]
    if any(row is not None for row in found):
        return found
    bare = Counter(PurePath(key).name for key in keys)
    names = {PurePath(key).name: row for row, key in enumerate(keys) if bare[PurePath(key).name] == 1}
    called = [_file_name(each) for each in samples]
    ours = Counter(called)
    return [names.get(name) if ours[name] == 1 else None for name in called]


def _file_name(sample: Sample) -> str:
    """The name of the sample's own file; tables know samples by their line."""
    return sample.payload.name if isinstance(sample.payload, PurePath) else PurePath(sample.key).name


def _few(keys: Sequence[str]) -> str:
    return ", ".join(repr(key) for key in keys[:3]) + (", ..." if len(keys) > 3 else "")
