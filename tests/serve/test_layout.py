"""Where versions lie, in which order they come, and what a change of files is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import NotFound
from seatrial.serve.repository import version_order
from seatrial.serve.versions.layout import find_versions


@pytest.mark.parametrize(
    "ascending",
    [
        ("1", "2", "10", "11"),
        ("v1", "v2", "v10"),
        ("2024-05-01", "2024-05-02", "2024-11-01"),
        ("1.0.0-alpha", "1.0.0-rc1", "1.0.0-rc2", "1.0.0-rc10", "1.0.0", "1.0.1", "1.2.0", "1.10.0"),
        ("1.0", "1.0.1", "1.1"),
        ("3", "3b", "4"),
    ],
    ids=["numbers", "letters", "days", "releases", "lengths", "suffix"],
)
def test_versions_are_counted_as_people_count(ascending: tuple[str, ...]) -> None:
    shuffled = [*ascending[1::2], *ascending[::2]]
    assert sorted(shuffled, key=version_order) == list(ascending)


@given(st.lists(st.from_regex(r"\Av?\d[\w.+-]{0,8}\Z") | st.text()))
def test_any_names_have_an_order(names: list[str]) -> None:
    assert sorted(names, key=version_order) == sorted(sorted(names), key=version_order)


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(path: Path) -> list[str]:
    return [each.version for each in find_versions(path)]


def test_a_folder_of_versions(tmp_path: Path) -> None:
    for each in ("10/m.onnx", "9/m.onnx", "model/m.onnx", ".11/m.onnx", "test_cases/inputs.npz", "12"):
        put(tmp_path / each)
    assert names(tmp_path) == ["9", "10"]
    assert [each.path for each in find_versions(tmp_path)] == [tmp_path / "9", tmp_path / "10"]


def test_one_model_is_version_1(tmp_path: Path) -> None:
    graph = put(tmp_path / "digits" / "inference.onnx")
    put(tmp_path / "digits" / "2024-05-01" / "notes.txt")
    for given_path in (graph, graph.parent, graph.with_suffix("")):  # a prefix names a model, too
        assert names(given_path) == ["1"]
    for nothing in (tmp_path / "digits" / "other", tmp_path / "x" / "y"):
        with pytest.raises(NotFound):
            find_versions(nothing)


def test_a_stamp_changes_with_what_belongs_to_a_version(tmp_path: Path) -> None:
    put(tmp_path / "1" / "m.onnx")
    put(tmp_path / "2" / "m.onnx")

    def stamps() -> list[object]:
        return [each.stamp for each in find_versions(tmp_path)]

    before = stamps()
    put(tmp_path / "1" / "serve.log")
    put(tmp_path / "1" / ".m.onnx.Xy12")
    assert stamps() == before
    put(tmp_path / "1" / "test_cases" / "inputs.npz")
    after = stamps()
    assert after[0] != before[0]
    assert after[1] == before[1]
    put(tmp_path / "contract.yaml")  # shared by all versions
    assert [one != other for one, other in zip(stamps(), after, strict=True)] == [True, True]


def test_another_file_of_the_same_name_size_and_time_is_another(tmp_path: Path) -> None:
    old = put(tmp_path / "1" / "m.onnx", "old")
    before, time = find_versions(tmp_path)[0].stamp, old.stat().st_mtime_ns
    new = put(tmp_path / "1" / ".new", "new")
    os.utime(new, ns=(time, time))
    new.replace(old)
    assert find_versions(tmp_path)[0].stamp != before


def test_a_link_that_is_turned_is_another_version_of_the_same_name(tmp_path: Path) -> None:
    for each in ("a", "b"):
        put(tmp_path / each / "inference.onnx")
    link = tmp_path / "current"
    link.symlink_to(tmp_path / "a")
    (before,) = find_versions(link)
    assert before.path == tmp_path / "a"  # so that an engine that is started again is the same
    other = tmp_path / "other"
    other.symlink_to(tmp_path / "b")
    other.replace(link)
    (after,) = find_versions(link)
    assert after.path == tmp_path / "b"
    assert after.stamp != before.stamp


def test_the_neighbours_of_a_file_are_looked_at_no_deeper_than_its_test_cases(tmp_path: Path) -> None:
    graph = put(tmp_path / "m.onnx")
    put(tmp_path / "elsewhere" / "big")
    put(tmp_path / "test_cases" / "inputs.npz")
    told = {name for name, *_ in find_versions(graph)[0].stamp}
    assert told == {"m.onnx", "inputs.npz"}
