"""What `seatrial infer` is given to read: a file that is none is an error of the call, not a traceback."""

from __future__ import annotations

import numpy as np
import pytest

from seatrial.cli.infer import _payloads
from seatrial.errors import NotFound, UsageError


def test_arrays_and_lines_are_read(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(3))
    np.savez(tmp_path / "two.npz", x=np.ones(2))
    (tmp_path / "lines.txt").write_text("good\nbad\n")
    names = ("one.npy", "two.npz", "lines.txt")
    found = dict(_payloads(tuple(str(tmp_path / each) for each in names)))
    assert [each.rsplit("/", 1)[-1] for each in found] == ["one.npy", "two.npz", "lines.txt:1", "lines.txt:2"]
    assert list(found.values())[2:] == ["good", "bad"]


@pytest.mark.parametrize("name", ["bad.npy", "bad.npz", "objects.npy"])
def test_a_file_that_is_no_array_is_told(tmp_path, name):
    if name == "objects.npy":
        np.save(tmp_path / name, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    else:
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(UsageError) as caught:
        list(_payloads((str(tmp_path / name),)))
    assert name in caught.value.message


def test_an_empty_name_and_one_that_is_not_there_are_told():
    with pytest.raises(UsageError, match="no name") as caught:
        list(_payloads(("",)))
    assert "--text" in caught.value.hint
    with pytest.raises(NotFound):
        list(_payloads(("nowhere.npz",)))
