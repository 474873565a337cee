"""Versions come, change, fail and go, and nobody who asks notices."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.errors import ModelError, NotFound, Unavailable
from seatrial.serve.repository import Repository
from seatrial.serve.settings import Model
from seatrial.serve.versions.keeper import Keeper
from support.shelf import Shelf


async def answer(repository: Repository, version: str = "") -> float:
    """What `m` multiplies with."""
    (outputs,) = await repository.model("m", version).run({"x": np.ones((1, 1))})
    return float(outputs[0, 0])


async def settle(keeper: Keeper) -> None:
    """Until what the keeper does besides is done."""
    while keeper._tasks:
        await asyncio.sleep(0)


async def close(keeper: Keeper, repository: Repository) -> None:
    """As a server ends."""
    await keeper.close()
    for model in repository.models:
        await model.batcher.close()


def told(keeper: Keeper) -> dict[str, str]:
    return {each.version: each.state for each in keeper.index()}


async def test_the_newest_version_is_served_and_a_newer_one_replaces_it(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("9", 9)
    keeper = shelf.keeper(repository)
    await keeper.start()
    assert await answer(repository) == 9
    shelf.put("10", 10)
    await keeper.look()  # it may still be copied
    assert await answer(repository) == 9
    await keeper.look()
    assert await answer(repository) == 10
    await settle(keeper)
    assert told(keeper) == {"10": "READY"}
    assert not any(each.alive for each in shelf.sessions["9"])
    with pytest.raises(NotFound, match="no version '9'"):
        repository.model("m", "9")
    assert shelf.made == [("9", 9), ("10", 10)]
    await close(keeper, repository)


async def test_files_that_grow_are_not_taken(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    for part in range(5):
        (tmp_path / "m" / "2").mkdir(exist_ok=True)
        (tmp_path / "m" / "2" / f"part{part}").write_text("x")
        await keeper.look()
    shelf.put("2", 2)
    await keeper.look()
    assert shelf.made == [("1", 1)]
    await keeper.look()
    assert await answer(repository) == 2
    await close(keeper, repository)


async def test_a_version_that_fails_changes_nothing_and_says_why(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    shelf.put("2", 0)
    for _ in range(5):
        await keeper.look()
    assert shelf.made == [("1", 1), ("2", 0)]  # it is not tried again and again
    assert await answer(repository) == 1
    assert [(each.version, each.state, each.reason) for each in keeper.index()] == [
        ("1", "READY", ""),
        ("2", "UNAVAILABLE", "version 2 is broken"),
    ]
    assert [each.version for each in keeper.index(ready=True)] == ["1"]
    assert keeper.outcomes["m", "failed"] == 1
    with pytest.raises(ModelError, match="broken"):
        await keeper.load("m")  # who asks for it is told
    shelf.put("2", 2)
    await keeper.look()
    await keeper.look()
    assert await answer(repository) == 2
    await settle(keeper)
    assert told(keeper) == {"2": "READY"}
    await close(keeper, repository)


async def test_a_restart_beside_a_broken_version_serves_the_one_before(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    shelf.put("2", 0)
    keeper = shelf.keeper(repository)
    await keeper.start()
    assert await answer(repository) == 1
    assert told(keeper) == {"1": "READY", "2": "UNAVAILABLE"}
    await close(keeper, repository)


async def test_a_server_of_nothing_but_broken_versions_does_not_start(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put("1", 0)
    with pytest.raises(ModelError, match="version 1 is broken"):
        await shelf.keeper(Repository()).start()
    with pytest.raises(NotFound, match="no folder"):
        await Keeper(Repository(), {"m": Model(path=tmp_path / "nothing" / "there")}).start()


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ({}, ["3"]),
        ({"latest": 2}, ["2", "3"]),
        ({"all": True}, ["1", "2", "3"]),
        ({"specific": ["1", "3"]}, ["1", "3"]),
        ({"specific": ["1"], "latest": 1}, ["1", "3"]),
    ],
    ids=["default", "latest", "all", "specific", "specific-and-latest"],
)
async def test_policies(tmp_path: Path, policy: dict[str, Any], served: list[str]) -> None:
    shelf, repository = Shelf(tmp_path, versions=policy), Repository()
    for each in ("1", "2", "3"):
        shelf.put(each, float(each))
    keeper = shelf.keeper(repository)
    await keeper.start()
    assert repository.versions("m") == served
    for each in served:
        assert await answer(repository, each) == float(each)
    await close(keeper, repository)


async def test_a_version_that_must_be_there_and_is_not_is_told(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, versions={"specific": [7]})
    shelf.put("1", 1)
    with pytest.raises(NotFound, match="no version '7'"):
        await shelf.keeper(Repository()).start()


async def test_aliases_keep_their_version_and_are_answered_like_it(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path, aliases={"stable": 1, "gone": 5}), Repository()
    shelf.put("1", 1)
    shelf.put("2", 2)
    keeper = shelf.keeper(repository)
    await keeper.start()
    assert repository.versions("m") == ["1", "2"]  # the policy alone would have served 2
    assert await answer(repository, "stable") == 1
    assert await answer(repository) == 2
    with pytest.raises(NotFound) as caught:
        repository.model("m", "gone")
    assert caught.value.hint == "it has: 1, 2, stable, gone"
    model = Model.model_validate({"path": shelf.root, "aliases": {"stable": 2}})
    await keeper.reload({"m": model})
    assert await answer(repository, "stable") == 2
    assert repository.versions("m") == ["2"]
    await close(keeper, repository)


async def test_versions_that_traffic_is_sent_to_are_not_let_go(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    keeper.named = lambda name: {"m": ["1", "canary"]}[name]
    shelf.put("2", 2)
    await keeper.load("m")
    assert repository.versions("m") == ["1", "2"]
    shelf.remove("1")
    await keeper.look()
    assert repository.versions("m") == ["1", "2"]
    keeper.named = lambda _: ()
    await keeper.look()
    assert repository.versions("m") == ["2"]
    await close(keeper, repository)


async def test_a_folder_that_goes_takes_its_version_with_it_but_never_the_last(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path, versions={"all": True}), Repository()
    shelf.put("1", 1)
    shelf.put("2", 2)
    keeper = shelf.keeper(repository)
    await keeper.start()
    shelf.remove("2")
    await keeper.look()
    assert repository.versions("m") == ["1"]
    shelf.remove("1")
    for _ in range(3):
        await keeper.look()
    assert await answer(repository) == 1
    shelf.root.rmdir()
    await keeper.look()
    assert await answer(repository) == 1
    await close(keeper, repository)


async def test_one_version_changed_in_its_place_is_exchanged(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    old = repository.model("m")
    old.hold()
    shelf.put("1", 5)
    await keeper.look()
    await keeper.look()
    assert await answer(repository) == 5
    assert float((await old.run({"x": np.ones((1, 1))}))[0][0, 0]) == 1  # promised, so still answered
    assert told(keeper) == {"1": "READY"}
    old.let_go()
    await settle(keeper)
    with pytest.raises(Unavailable):
        await old.run({"x": np.ones((1, 1))})
    await close(keeper, repository)


async def test_what_is_under_way_is_answered_and_who_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository, drain_seconds=0.05)
    await keeper.start()
    old = repository.model("m")
    running = [asyncio.create_task(answer(repository)) for _ in range(20)]
    await asyncio.sleep(0)
    old.hold()  # and nobody lets go
    await keeper.unload("m")
    assert told(keeper) == {"1": "UNLOADING"}
    assert await asyncio.gather(*running) == [1.0] * 20
    await settle(keeper)
    assert [(each.version, each.reason) for each in keeper.index()] == [("", "unloaded")]
    assert not any(each.alive for each in shelf.sessions["1"])


async def test_unloaded_stays_unloaded_until_it_is_asked_for(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    await keeper.unload("m")
    shelf.put("2", 2)
    for _ in range(3):
        await keeper.look()
    assert repository.names == []
    await keeper.load("m")
    assert await answer(repository) == 2
    for call in (keeper.load, keeper.unload):
        with pytest.raises(NotFound):
            await call("../m")
    await close(keeper, repository)


async def test_a_model_unloaded_while_its_new_version_comes_stays_out(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    shelf.put("2", 2)
    shelf.gate.clear()
    loading = asyncio.create_task(keeper.load("m"))
    while told(keeper).get("2") != "LOADING":
        await asyncio.sleep(0)
    await keeper.unload("m")
    shelf.gate.set()
    await loading
    await settle(keeper)
    assert repository.names == []
    assert not any(each.alive for each in shelf.sessions["2"])


async def test_updates_of_one_name_wait_for_each_other(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    shelf.put("2", 2)
    await asyncio.gather(*(keeper.load("m") for _ in range(5)))
    assert shelf.made == [("1", 1), ("2", 2)]
    await close(keeper, repository)


async def test_new_settings_bring_and_take_models_and_load_those_that_are_run_otherwise(
    tmp_path: Path,
) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    threaded = Model.model_validate({"path": shelf.root, "options": {"threads": 2}})
    await keeper.reload({"m": threaded, "n": shelf.model, "o": Model(path=tmp_path / "x" / "y")})
    assert shelf.made == [("1", 1)] * 3
    assert repository.names == ["m", "n"]
    assert [each.state for each in keeper.index() if each.name == "o"] == ["UNAVAILABLE"]
    await keeper.reload({"m": threaded})
    assert len(shelf.made) == 3
    assert repository.names == ["m"]
    await close(keeper, repository)


async def test_a_server_that_ends_ends_what_comes_and_what_goes(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    repository.model("m").hold()
    shelf.put("2", 2)
    await keeper.load("m")  # 1 goes, and is held
    shelf.put("3", 3)
    shelf.gate.clear()
    loading = keeper.begin(keeper.load("m"))
    while told(keeper).get("3") != "LOADING":
        await asyncio.sleep(0)
    await asyncio.wait_for(keeper.close(), 30)
    assert loading.cancelled()
    assert not any(each.alive for each in shelf.sessions["1"])
    await close(keeper, repository)


async def test_watching_survives_what_it_cannot_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    keeper = shelf.keeper(repository)
    await keeper.start()
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        raise ZeroDivisionError

    monkeypatch.setattr(keeper, "look", look)
    watching = keeper.begin(keeper.watch(0))
    while looks < 3:
        await asyncio.sleep(0)
    assert not watching.done()
    assert "could not be looked at" in caplog.text
    await close(keeper, repository)
