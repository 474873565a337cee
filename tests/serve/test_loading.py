"""From files to a version: names, releases, warm-up with known rows, the golden test, files that change."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.contract import Case, Cases, Tolerance, write_cases
from seatrial.errors import ContractViolation, EngineFailure, ModelError, NotFound
from seatrial.model import open_model
from seatrial.serve import model as model_module
from seatrial.serve.batching.profile import Choice
from seatrial.serve.model import ServedModel, ServingOptions
from seatrial.serve.settings import Model, Options
from seatrial.serve.versions import loading as loading_module
from seatrial.serve.versions.bundles import Opened
from seatrial.serve.versions.golden import cases_of, prove
from seatrial.serve.versions.layout import find_versions
from seatrial.serve.versions.loading import (
    choice_lines,
    load_version,
    name_for,
    open_version,
)
from seatrial.serve.versions.tuned import serving_options
from support import models
from support.fake_session import POISON, FakeSession
from support.served import artifact, contract_for, loaded


def case(sent: float, expected: float) -> Case:
    return Case({"x": np.array([[float(sent)]])}, {"y": np.array([[float(expected)]])})


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "words" / "inference.onnx"
    path.parent.mkdir()
    path.write_bytes(models.onnx_network())
    return path


def test_a_model_is_called_as_its_contract_its_folder_or_its_file_says(network: Path, tmp_path: Path) -> None:
    assert name_for(network) == name_for(network.parent) == "words"
    versions = tmp_path / "reviews"
    for each in ("1", "2"):
        shutil.copytree(network.parent, versions / each)
    assert name_for(versions) == "reviews"
    assert name_for(versions / "1") == "1"
    with pytest.raises(NotFound):
        name_for(tmp_path / "nothing")


def test_a_release_holds_its_model_in_a_folder(network: Path, tmp_path: Path) -> None:
    release = tmp_path / "release"
    shutil.copytree(network.parent, release / "model")
    write_cases(release / "test_cases", Cases((case(1, 2),)))
    opened = open_version(release)
    assert opened.artifact.digest == open_model(network).digest
    assert opened.contract.source == ""
    assert "graph alone" in opened.source
    assert cases_of(opened.artifact, "auto") is not None
    assert cases_of(opened.artifact, "off") is None
    assert cases_of(open_model(network), "auto") is None
    with pytest.raises(ModelError, match="no folder test_cases"):
        cases_of(open_model(network), "required")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound):
        open_version(tmp_path / "empty")


def test_the_test_cases_of_all_versions_are_nobodys(network: Path, tmp_path: Path) -> None:
    shutil.copytree(network.parent, tmp_path / "m" / "1")
    write_cases(tmp_path / "m" / "test_cases", Cases((case(1, 2),)))
    assert cases_of(open_model(tmp_path / "m" / "1"), "auto") is None


def test_options_in_the_units_of_the_code() -> None:
    given = Options(threads=2, devices=3, max_queue_delay_milliseconds=2.5, max_queue_size=7)
    assert serving_options(given) == ServingOptions(
        threads=2, devices=3, max_queue_delay=0.0025, max_queue_size=7
    )
    assert serving_options(Options()) == ServingOptions()


async def test_the_golden_test_names_the_first_that_is_wrong_and_counts_them() -> None:
    served, sessions = await loaded(max_batch_size=4)
    await prove(served, Cases(tuple(case(each, 2 * each) for each in range(10))))
    assert max(sessions[0].batches) > 1  # batched, as clients' requests will be
    wrong = Cases((case(1, 2), case(2, 4.5), case(3, 6), case(4, 9)), Tolerance(atol=0.1, rtol=0))
    with pytest.raises(ContractViolation, match=r"2 of 4 cases failed; case 1: output 'y' differs by 0.5"):
        await prove(served, wrong)
    with pytest.raises(ContractViolation, match=r"1 of 1 cases failed; case 0: input 'x'"):
        await prove(served, Cases((case(np.nan, 1),)))
    await served.drain()


class Opening:
    """Stands for the files and the engine of one version."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cases: Cases | None = None) -> None:
        self.cases, self.sessions, self.dies = cases, list[FakeSession](), False
        monkeypatch.setattr(loading_module, "_read", self.read)
        monkeypatch.setattr(model_module, "_session", self.session)

    def read(self, *_: object) -> Any:
        contract = contract_for(source="from a test")
        return Opened(replace(artifact(), digest="sha256:1"), contract, contract.source), self.cases

    def session(self, *_: object) -> FakeSession:
        session = FakeSession()
        if self.dies:
            session.begin = lambda feeds: FakeSession.begin(session, {"x": feeds["x"] * 0 + POISON})
            self.dies = False
        self.sessions.append(session)
        return session

    async def load(
        self, tmp_path: Path, now: ServedModel | None = None, like: ServedModel | None = None
    ) -> Any:
        (tmp_path / "m").mkdir(exist_ok=True)
        found = find_versions(tmp_path / "m")[0]
        return await load_version("m", found, Model(path=found.path), now, like=like)


async def test_a_version_that_fails_its_golden_test_ends_its_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = Opening(monkeypatch, Cases((case(1, 3),)))
    with pytest.raises(ContractViolation, match="golden test: 1 of 1 cases failed"):
        await opening.load(tmp_path)
    assert [each.alive for each in opening.sessions] == [False]


async def test_the_warm_up_uses_a_case_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = Opening(monkeypatch, Cases((case(21, 42),)))
    seen: list[Any] = []
    begin = FakeSession.begin
    monkeypatch.setattr(
        FakeSession, "begin", lambda self, feeds: (seen.append(feeds["x"]), begin(self, feeds))[1]
    )
    served = await opening.load(tmp_path)
    assert {float(each) for array in seen for each in array.ravel()} == {21.0}
    assert "m: contract from a test" in choice_lines(served)[0]
    await served.drain()


async def test_an_engine_that_dies_in_warm_up_does_not_replace_a_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = Opening(monkeypatch)
    good = await opening.load(tmp_path)
    opening.dies = True
    with pytest.raises(EngineFailure, match="while it was warmed up"):
        await opening.load(tmp_path, like=good)
    assert not any(each.alive for each in opening.sessions[1:])
    opening.dies = True
    served = await opening.load(tmp_path)  # better than nothing at all
    assert served.ready
    await served.drain()
    await good.drain()


async def test_a_new_version_takes_what_the_old_one_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = await loaded(max_batch_size=17, max_queue_size=77_777_777)
    opening = Opening(monkeypatch)
    monkeypatch.setattr(model_module, "choose", lambda *_, **__: Choice(4, 0.0, "a busy machine"))
    served = await opening.load(tmp_path, like=old)
    assert served.batcher.queue.policy.max_batch_size == 17
    assert served.batcher.queue.policy.max_queue_size == 77_777_777
    assert served.choice.why == "a busy machine; as large as before"
    await served.drain()
    await old.drain()


async def test_files_that_say_the_same_are_proved_but_not_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = Opening(monkeypatch)
    served = await opening.load(tmp_path)
    opening.cases = Cases((case(1, 2),))
    assert await opening.load(tmp_path, served) is served
    opening.cases = Cases((case(1, 3),))
    with pytest.raises(ContractViolation):
        await opening.load(tmp_path, served)
    assert served.ready  # what serves goes on
    assert len(opening.sessions) == 1
    await served.drain()


def test_an_engine_does_not_come_back_as_another_version(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_model(network)
    monkeypatch.setattr(model_module, "open_session", lambda *_, **__: "a session")
    stamp = model_module._stamp(opened)

    def again() -> Any:
        return model_module._session(opened, "onnxruntime", ServingOptions(), stamp)

    assert again() == "a session"
    network.write_bytes(network.read_bytes())  # touched, and the same
    assert again() == "a session"
    network.write_bytes(models.onnx_network(kind="Sigmoid"))
    with pytest.raises(ModelError, match="not those that were loaded"):
        again()


async def test_draining_twice_and_closing_while_draining_end() -> None:
    served, _ = await loaded()
    served.hold()
    first = asyncio.create_task(served.drain())
    await asyncio.sleep(0)
    second = asyncio.create_task(served.drain())
    await asyncio.sleep(0)
    served.let_go()
    await asyncio.wait_for(asyncio.gather(first, second), 30)
