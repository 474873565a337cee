"""Routes, shadows and ladders as clients of a running server see them: headers, metrics, `serve.yaml`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from seatrial.errors import UsageError
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Rung, Settings, read_settings
from support.served import Rest, infer_body, rest
from support.sick import Engines, sickly

INFER, PREDICT, ROUTE = "/v2/models/double/infer", "/v1/models/double/predict", "/v1/models/double/route"
JSON = {"Content-Type": "application/json"}


async def two_versions() -> tuple[InferenceService, Engines, Engines]:
    service = InferenceService(threads=2)
    (one, first), (two, second) = await sickly(version="1"), await sickly(version="2", factor=3.0)
    service.repository.add(one)
    service.repository.add(two)
    return service, first, second


async def metric(server: Rest, name: str) -> dict[str, float]:
    text = (await server.ask("GET", "/metrics")).body.decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith(name)]
    return {labels: float(value) for labels, _, value in lines}


async def answered_by(server: Rest, path: str = INFER, **headers: str) -> str:
    answer = await server.ask(
        "POST", path, infer_body(1), {k.replace("_", "-"): v for k, v in headers.items()}
    )
    assert answer.status == 200, answer.body
    return answer.headers["x-seatrial-version"]


async def test_a_route_is_put_read_and_obeyed() -> None:
    service, _, _ = await two_versions()
    async with rest(service=service) as server:
        assert await answered_by(server) == "2"
        assert (await server.ask("GET", ROUTE)).json == {
            "weights": {}, "sticky": "", "headers": {}, "shadow": None,
        }  # fmt: skip
        route = {"weights": {"1": 3, "2": 1}, "sticky": "X-User", "headers": {"X-Canary: yes": "2"}}
        put = await server.line()
        async with put as line:
            body = json.dumps(route).encode()
            line.ask("PUT", ROUTE, b"", {"Content-Length": str(len(body))})
            line.send(body)
            assert (await line.answer()).json == route | {"shadow": None}
        for each in range(20):
            seen = {await answered_by(server, X_User=f"u{each}") for _ in range(3)}
            assert len(seen) == 1
        assert await answered_by(server, X_Canary="yes") == "2"
        assert await answered_by(server, "/v2/models/double/versions/1/infer", X_Canary="yes") == "1"
        weights = await metric(server, "seatrial_route_weight{")
        assert sorted(weights.values()) == [0.25, 0.75]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"weights": {"9": 1}}', "no version '9' (it has: 1, 2"),
        (b'{"weights": {"1": -1}}', "weights.1"),
        (b'{"wieghts": {}}', "wieghts"),
        (b"[]", "the body"),
        (b"{", "no JSON"),
    ],
    ids=["unknown", "negative", "misspelled", "list", "cut"],
)
async def test_a_route_that_cannot_be_is_refused_and_changes_nothing(body: bytes, named: str) -> None:
    service, _, _ = await two_versions()
    async with rest(service=service) as server:
        async with await server.line() as line:
            line.ask("PUT", ROUTE, b"", {"Content-Length": str(len(body))})
            line.send(body)
            answer = await line.answer()
        assert answer.status == 400
        assert named in answer.json["error"]
        assert not service.traffic.plans
        assert (await server.ask("GET", "/v1/models/nobody/route")).status == 404
        assert (await server.ask("POST", ROUTE, {})).status == 405
        assert (await server.ask("GET", "/v1/models/double/shadow")).status == 404


async def test_every_rung_is_told_in_a_header_and_a_metric() -> None:
    service, first, second = await two_versions()
    small, others = await sickly("small", factor=5.0)
    service.repository.add(small)
    service.traffic.set_ladder("double", [Rung(model="small"), Rung(cached=60), Rung(error="at noon again")])
    body = {"inputs": {"x": [4]}}
    async with rest(service=service) as server:
        answer = await server.ask("POST", PREDICT, body, JSON)
        assert (answer.json, "x-seatrial-degraded" in answer.headers) == ([12.0], False)
        await first.take_away()
        await second.take_away()
        answer = await server.ask("POST", PREDICT, body, JSON)
        assert (answer.json, answer.headers["x-seatrial-degraded"]) == ([20.0], "model small")
        await others.take_away()
        answer = await server.ask("POST", INFER, infer_body(4))
        assert answer.json["outputs"][0]["data"] == [12.0]
        assert answer.headers["x-seatrial-degraded"] == "cached"
        answer = await server.ask("POST", INFER, infer_body(5))
        assert (answer.status, answer.json) == (503, {"error": "at noon again"})
        assert answer.headers["x-seatrial-degraded"] == "error"
        assert "retry-after" in answer.headers
        counted = await metric(server, "seatrial_degraded_total{")
        assert len(counted) == 3
        for rung in ("model small", "cached", "error"):
            labels = f'seatrial_degraded_total{{model="double",version="2",rung="{rung}",why="device"}}'
            assert counted[labels] == 1


async def test_a_shadow_is_told_over_rest_and_in_metrics() -> None:
    service, _, _ = await two_versions()
    settings = Settings.model_validate(
        {"models": {"double": {"path": ".", "route": {"weights": {"1": 1}, "shadow": {"version": "2"}}}}}
    )
    service.traffic.take(settings.models)
    async with rest(service=service) as server:
        answer = await server.ask("POST", INFER, infer_body(4), {"X-Log-Id": "abc"})
        assert answer.json["outputs"][0]["data"] == [8.0]
        for _ in range(100):
            told = (await server.ask("GET", "/v1/models/double/shadow")).json
            if told["compared"]:
                break
            await asyncio.sleep(0.01)
        assert (told["differed"], told["differing"][0]["log_id"]) == (1, "abc")
        counted = await metric(server, "seatrial_shadow_total{")
        assert counted['seatrial_shadow_total{model="double",shadow="2",outcome="differed"}'] == 1


async def test_settings_are_taken_once_and_again_only_where_they_changed() -> None:
    service, _, _ = await two_versions()
    route = {"weights": {"1": 1}}
    said = {"models": {"double": {"path": ".", "route": route, "degrade": [{"error": "later"}]}}}
    service.traffic.take(Settings.model_validate(said).models)
    plan = service.traffic.plans["double"]
    assert plan.ladder is not None
    service.traffic.set_route("double", plan.router.route.model_copy(update={"weights": {"1": 1, "2": 1}}))
    service.traffic.take(Settings.model_validate(said).models)  # a reload: what was set meanwhile stays
    assert service.traffic.route("double").weights == {"1": 1, "2": 1}
    said["models"]["double"]["route"] = {"weights": {"2": 1}}
    service.traffic.take(Settings.model_validate(said).models)
    assert service.traffic.route("double").weights == {"2": 1}
    said["models"]["double"]["route"] = {"weights": {"3": 1}}
    with pytest.raises(UsageError, match="no version '3'"):
        service.traffic.take(Settings.model_validate(said).models)
    await service.close()


def test_the_examples_of_the_page_are_settings(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "serve-routes.md").read_text("utf-8")
    examples = [each.partition("```")[0] for each in page.split("```yaml\n")[1:]]
    assert len(examples) >= 4
    for each in examples:
        (tmp_path / "serve.yaml").write_text(each)
        settings = read_settings(tmp_path / "serve.yaml")
        models = settings.models.values()
        assert settings.remotes or any(
            each.route.weights or each.route.shadow or each.degrade for each in models
        )
