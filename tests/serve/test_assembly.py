"""A server as its settings describe it: it starts, listens, takes new settings, and says what it cannot."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from seatrial.errors import ModelError, Unavailable, UsageError
from seatrial.serve.assembly import Assembly, assemble
from seatrial.serve.settings import Settings
from support.served import Line
from support.shelf import Shelf


def settings(**more: object) -> Settings:
    return Settings.model_validate({"port": 0, **more})


def of(shelf: Shelf, given: Settings) -> Assembly:
    """An assembly whose versions are made by a shelf."""
    assembly = assemble(given)
    assembly.service.keeper._load = shelf.load
    return assembly


async def test_it_loads_listens_and_takes_new_settings(tmp_path: Path) -> None:
    shelf, lines = Shelf(tmp_path), list[str]()
    shelf.put("1", 1)
    assembly = of(shelf, settings(models={"m": {"path": shelf.root}}, watch_seconds=1000))
    address = await assembly.start(lines.append)
    assert any(line.startswith("m: ") for line in lines)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    async with Line(reader, writer) as line:
        line.ask("GET", "/v2/models/m")
        assert json.loads((await line.answer()).body)["versions"] == ["1"]
        shelf.put("2", 2)
        policy = {"path": shelf.root, "versions": {"all": True}, "aliases": {"old": 1}}
        assembly.reload(settings(models={"m": policy}))
        while assembly.repository.versions("m") != ["1", "2"]:
            await asyncio.sleep(0.001)
        line.ask("GET", "/v2/models/m/versions/old")
        assert (await line.answer()).status == 200
    await assembly.server.stop(0)


async def test_a_server_that_cannot_start_leaves_nothing_running(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put("1", 1)
    models = {"m": {"path": shelf.root}}
    first = of(shelf, settings(models=models))
    port = int((await first.start(lambda _: None)).rpartition(":")[2])
    with pytest.raises(Unavailable, match="cannot listen"):
        await of(shelf, settings(models=models, port=port)).start(lambda _: None)
    assert not any(each.alive for each in shelf.sessions["1"])
    shelf.put("1", 0)
    with pytest.raises(ModelError, match="broken"):
        await of(shelf, settings(models=models)).start(lambda _: None)
    await first.server.stop(0)


async def test_a_model_and_a_pipeline_of_one_name_are_refused(tmp_path: Path) -> None:
    both = settings(models={"m": {"path": tmp_path}}, pipelines={"m": tmp_path / "flow.yaml"})
    with pytest.raises(UsageError, match="a model of this name"):
        assemble(both)
