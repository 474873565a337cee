"""Which row of a reference belongs to which sample: by key, or by order when the counts leave no doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from seatrial.contract import Sample
from seatrial.errors import UsageError


def rows_of(
    samples: Sequence[Sample],
    count: int,
    *,
    keys: Sequence[str] | None,
    total: int | None,
    where: str,
) -> list[int | None]:
    """For each sample its row, or None when the reference has none for it.

    Args:
        samples: In order.
        count: Rows there are.
        keys: A sample's key for each row, or None when rows go by order.
        total: Samples in the whole set, of which `samples` are the first.
        where: The file, for errors.

    Raises:
        UsageError: The counts do not match, a key stands there twice, or no key is known.
    """
    if keys is None:
        if count not in (len(samples), total or len(samples)):
            expected = f"{len(samples)}" + (f" (or {total}, the whole set)" if total else "")
            raise UsageError(
                f"'{where}' has {count} rows, and there are {expected} samples",
                hint="one row a sample in the order of the data, or an array 'key' with the samples' names",
            )
        return list(range(len(samples)))
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
    if strange and (total is None or total == len(samples)):
        raise UsageError(
            f"'{where}': {len(strange)} of {count} keys are no sample's: {_few(strange)}",
            hint="leave them out, or give the data they belong to",
        )
    return found


def _matched(samples: Sequence[Sample], keys: Sequence[str]) -> list[int | None]:
    """By the whole key; where none fits, by the file's bare name, if it is the only one of that name."""
    exact = {key: row for row, key in enumerate(keys)}
    found = [exact.get(each.key) for each in samples]
    if any(row is not None for row in found):
        return found
    bare = Counter(PurePath(key).name for key in keys)
    names = {PurePath(key).name: row for row, key in enumerate(keys) if bare[PurePath(key).name] == 1}
    ours = Counter(PurePath(each.key).name for each in samples)
    return [
        names.get(PurePath(each.key).name) if ours[PurePath(each.key).name] == 1 else None for each in samples
    ]


def _few(keys: Sequence[str]) -> str:
    return ", ".join(repr(key) for key in keys[:3]) + (", ..." if len(keys) > 3 else "")
