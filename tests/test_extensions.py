"""Extensions are found by lying in a plural folder, machinery is not, and a mistake says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seatrial import extensions, lazy
from seatrial.errors import MissingDependency, NotFound, UsageError


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "room_under_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "_machinery.py").write_text("raise RuntimeError('machinery is not an extension')")
    (folder / "beta.py").write_text("class THING:\n    name = 'beta'\n")
    (folder / "alpha.py").write_text("class THING:\n    name = 'alpha'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    extensions.find.cache_clear()
    yield "room_under_test"
    extensions.find.cache_clear()
    for name in [each for each in sys.modules if each.startswith("room_under_test")]:
        del sys.modules[name]


def test_finds_files_in_order_and_leaves_machinery(room: str) -> None:
    assert list(extensions.find(room, "THING")) == ["alpha", "beta"]


def test_an_unknown_name_lists_those_there_are(room: str) -> None:
    with pytest.raises(NotFound, match="gamma") as caught:
        extensions.get(room, "THING", "gamma")
    assert "alpha, beta" in caught.value.hint


def test_a_file_without_the_agreed_object_is_an_error(room: str, tmp_path: Path) -> None:
    (tmp_path / room / "gamma.py").write_text("")
    with pytest.raises(UsageError, match="defines no THING"):
        extensions.find(room, "THING")


def test_two_of_one_name_are_an_error(room: str, tmp_path: Path) -> None:
    (tmp_path / room / "gamma.py").write_text("class THING:\n    name = 'alpha'\n")
    with pytest.raises(UsageError, match="are named 'alpha'"):
        extensions.find(room, "THING")


def test_a_missing_engine_names_its_extra() -> None:
    with pytest.raises(MissingDependency) as caught:
        lazy.load("an_engine_nobody_has", extra="paddle")
    assert caught.value.hint == "pip install 'seatrial[paddle]'"
    assert not lazy.installed("an_engine_nobody_has")
    assert lazy.version("an-engine-nobody-has") == ""


def test_a_version_is_read_in_another_environment(tmp_path):
    told = tmp_path / "lib" / "python3.9" / "site-packages" / "engine-1.2.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: engine\nVersion: 1.2\n")
    assert lazy.version_beside(tmp_path / "bin" / "python", "engine") == "1.2"
    assert lazy.version_beside(tmp_path / "bin" / "python", "pytest") == ""
    assert lazy.version_beside(tmp_path / "elsewhere" / "bin" / "python", "pytest") == ""


def test_a_package_that_is_half_installed_takes_nothing_down(room: str, tmp_path: Path) -> None:
    (tmp_path / "-alf-1.0.dist-info").mkdir()  # as an installer leaves one that it was replacing
    whole = tmp_path / "whole-1.0.dist-info"
    whole.mkdir()
    (whole / "METADATA").write_text("Metadata-Version: 2.1\nName: whole\nVersion: 1.0\n")
    (whole / "entry_points.txt").write_text("[seatrial.room_under_test]\ndelta = guest_of_room:THING\n")
    (tmp_path / "guest_of_room.py").write_text("class THING:\n    name = 'delta'\n")
    assert list(extensions.find(room, "THING")) == ["alpha", "beta", "delta"]
