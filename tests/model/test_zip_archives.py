"""Zips of models: one that is cut, and one with more entries than any model has, are told as such."""

from __future__ import annotations

import zipfile

import pytest

from seatrial.model.formats import _zip
from seatrial.model.formats._format import Garbled


def archive(folder, entries):
    path = folder / "m.keras"
    with zipfile.ZipFile(path, "w") as made:
        for place in range(entries):
            made.writestr(f"{place}", b"x")
    return path


def test_an_archive_within_the_bound_is_opened(tmp_path):
    with _zip.archive_of(archive(tmp_path, 3)) as opened:
        assert opened.namelist() == ["0", "1", "2"]


def test_one_with_too_many_entries_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_zip, "MAX_ENTRIES", 2)
    with pytest.raises(Garbled, match="more than 2 entries"), _zip.archive_of(archive(tmp_path, 3)):
        pass


def test_a_cut_one_is_told_under_the_code_of_who_asks(tmp_path):
    path = archive(tmp_path, 3)
    path.write_bytes(path.read_bytes()[:-30])
    for code in ("graph-truncated", "parameters-truncated"):
        with pytest.raises(Garbled) as caught, _zip.archive_of(path, code=code):
            pass
        assert caught.value.code == code


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Garbled, match="cannot be read"), _zip.archive_of(tmp_path / "none"):
        pass
