"""API keys: made, kept as digests, asked for by every front, and read again when the file changes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from tritonclient.utils import InferenceServerException

from seatrial.cli.main import main
from seatrial.errors import NotFound, UsageError
from seatrial.serve.access.apikeys import ApiKey, Made, add_key, made, read_keys, remove_key
from seatrial.serve.access.guard import Asked, Gate, exposure
from seatrial.serve.rest.rights import asked_of
from seatrial.serve.rpc import front as front_module
from seatrial.serve.status import Refusal, status_of
from support.fronted import fronted
from support.rpc_served import column, rpc
from support.served import infer_body, loaded, rest

TODAY = date(2026, 11, 21)
DIGEST = "sha256:" + "0" * 64
INFER = "/v2/models/double/infer"


def fresh(path: Path, name: str = "shop", **more: Any) -> Made:
    key = made(name, today=TODAY, **more)
    add_key(path, key.key)
    return key


def bearer(key: Made) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.secret}"}


def refused(gate: Gate, asked: Asked, headers: dict[bytes, bytes]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        gate.admit(asked, headers)
    return caught.value


# -- the file ------------------------------------------------------------------------------------------------
def test_a_file_keeps_digests_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    first = fresh(path)
    path.write_text(path.read_text() + "# the second one is for the cameras\n")
    second = fresh(path, "cameras", models=["digits"], rights=["infer"], expires=date(2027, 1, 1))
    text = path.read_text()
    assert "# the second one is for the cameras" in text
    assert first.secret not in text
    assert second.secret not in text
    assert read_keys(path) == (first.key, second.key)
    assert len({first.secret, second.secret, made("x", today=TODAY).secret}) == 3
    remove_key(path, "shop")
    assert read_keys(path) == (second.key,)
    assert not list(tmp_path.glob(".keys*"))


def test_a_file_in_another_style_can_be_added_to(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("{keys: []}\n")
    assert fresh(path).key == read_keys(path)[0]


def test_names_are_taken_once(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    fresh(path)
    with pytest.raises(UsageError, match="has a key 'shop'"):
        fresh(path)
    with pytest.raises(NotFound, match="no key 'nobody'"):
        remove_key(path, "nobody")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keys: 5", "keys"),
        ("key: []", "key"),
        ("keys: [{name: a}]", "digest"),
        ("keys: [{name: 'a b', digest: '" + DIGEST + "', created: 2026-01-01}]", "name"),
        ("keys: [{name: a, digest: st_SECRET, created: 2026-01-01}]", "digest"),
        ("keys: [{name: a, digest: '" + DIGEST + "', created: 2026-01-01, rights: []}]", "rights"),
        (
            "keys: [{name: a, digest: '" + DIGEST + "', created: 2026-01-01, rights: [all]}]",
            "rights",
        ),
        ("keys: [st_SECRET: : ]", "line 1"),
        ("keys:\n" + 2 * ("- {name: a, digest: '" + DIGEST + "', created: 2026-01-01}\n"), "twice"),
    ],
    ids=["number", "unknown", "no digest", "name", "a key", "no rights", "right", "no yaml", "twice"],
)
def test_bad_files_name_the_field_and_never_a_key(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        read_keys(path)
    assert "SECRET" not in caught.value.message
    assert caught.value.hint


def test_a_gate_needs_a_file_with_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    with pytest.raises(UsageError, match="cannot be read"):
        Gate(path)
    path.write_text("keys: []\n")
    with pytest.raises(UsageError, match="nobody could ask"):
        Gate(path)


# -- the gate ------------------------------------------------------------------------------------------------
def test_who_may_what(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    usual, one = fresh(path), fresh(path, "one", models=["digits"])
    ops = fresh(path, "ops", rights=["metrics", "manage"])
    gate = Gate(path, today=lambda: TODAY)

    def header(key: Made) -> dict[bytes, bytes]:
        return {b"x-api-key": key.secret.encode()}

    assert gate.admit(Asked("infer", "digits"), header(usual)) == "shop"
    assert gate.admit(Asked("health"), {}) == ""
    assert gate.admit(Asked("infer", "digits"), header(one)) == "one"
    assert gate.admit(Asked("metrics"), header(ops)) == "ops"
    assert gate.admit(Asked("other"), header(ops)) == "ops"
    assert "not for 'metrics'" in refused(gate, Asked("metrics"), header(usual)).message
    assert "model 'other'" in refused(gate, Asked("infer", "other"), header(one)).message
    assert status_of(refused(gate, Asked("infer", "x"), header(ops))) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b""},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Bearer nothing"},
        {b"authorization": b"Basic KEY"},
        {b"x-api-key": b"KEYx"},
        {b"x-api-key": b"\xff" * 100_000},
    ],
    ids=["none", "empty", "scheme only", "unknown", "basic", "longer", "bytes"],
)
def test_without_a_good_key_nobody_passes(headers: dict[bytes, bytes], tmp_path: Path) -> None:
    key = fresh(tmp_path / "keys.yaml")
    gate = Gate(tmp_path / "keys.yaml")
    sent = {name: value.replace(b"KEY", key.secret.encode()) for name, value in headers.items()}
    error = refused(gate, Asked("infer"), sent)
    assert status_of(error) == 401
    assert error.headers == {"WWW-Authenticate": 'Bearer realm="seatrial"'}
    assert key.secret not in error.message + error.hint


def test_the_scheme_has_no_case_and_both_headers_are_read(tmp_path: Path) -> None:
    key = fresh(tmp_path / "keys.yaml")
    gate, secret = Gate(tmp_path / "keys.yaml"), key.secret.encode()
    for headers in (
        {b"authorization": b"bearer  " + secret},
        {b"authorization": b"Basic abc", b"x-api-key": secret},
    ):
        assert gate.admit(Asked("infer"), headers) == "shop"


def test_a_key_ends_with_its_last_day(tmp_path: Path) -> None:
    days = [date(2026, 12, 31)]
    key = fresh(tmp_path / "keys.yaml", expires=days[0])
    gate = Gate(tmp_path / "keys.yaml", today=lambda: days[0])
    headers = {b"x-api-key": key.secret.encode()}
    assert gate.admit(Asked("infer"), headers) == "shop"
    days[0] = date(2027, 1, 1)
    assert "good until 2026-12-31" in refused(gate, Asked("infer"), headers).message


def test_a_changed_file_counts_within_a_second(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, now = tmp_path / "keys.yaml", [0.0]
    old = fresh(path)
    gate = Gate(path, clock=lambda: now[0])
    new = fresh(path, "new")
    old_header, new_header = ({b"x-api-key": each.secret.encode()} for each in (old, new))
    assert "not known" in refused(gate, Asked("infer"), new_header).message
    now[0] = 1.1
    assert gate.admit(Asked("infer"), new_header) == "new"
    remove_key(path, "shop")
    now[0] = 2.2
    refused(gate, Asked("infer"), old_header)
    path.write_text("keys: nonsense")
    now[0] = 3.3
    assert gate.admit(Asked("infer"), new_header) == "new"
    assert "stay as they were" in caplog.text
    path.unlink()
    now[0] = 4.4
    assert gate.admit(Asked("infer"), new_header) == "new"


# -- what a path is for --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "right", "model"),
    [
        ("/v2", "metadata", ""),
        ("/v2/health/live", "health", ""),
        ("/v2/health/ready", "health", ""),
        ("/v2/health/other", "manage", ""),
        ("/v2/models/a", "metadata", "a"),
        ("/v2/models/a/ready", "metadata", "a"),
        ("/v2/models/a/infer", "infer", "a"),
        ("/v2/models/a/versions/3/infer", "infer", "a"),
        ("//v2/models/%61/infer/", "infer", "a"),
        ("/v2/repository/index", "manage", ""),
        ("/v2/repository/models/a/unload", "manage", "a"),
        ("/v1/models/a/predict", "predict", "a"),
        ("/v1/models/a:predict", "predict", "a"),
        ("/v1/models/a/route", "manage", "a"),
        ("/v1/models/a/shadow", "manage", "a"),
        ("/a/prediction", "predict", "a"),
        ("/metrics", "metrics", ""),
        ("/docs/swagger-ui.css", "docs", ""),
        ("/openapi.json", "docs", ""),
        ("/", "other", ""),
        ("/" + "x" * 300, "other", ""),
    ],
)
def test_what_a_path_is_for(path: str, right: str, model: str) -> None:
    assert asked_of(path) == Asked(right, model)


async def test_every_family_of_routes_has_a_right() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        for first in server.front._routes:
            assert asked_of(f"/{first}").right != "other", first


# -- over the network ----------------------------------------------------------------------------------------
async def test_rest_asks_for_a_key(tmp_path: Path) -> None:
    key = fresh(tmp_path / "keys.yaml")
    model, _ = await loaded()
    told: list[tuple[str, Any]] = []
    async with rest(model, gate=Gate(tmp_path / "keys.yaml")) as server:
        server.front.instruments.listen(lambda call, code, _: told.append((call.client, code)))
        assert (await server.ask("GET", "/v2/health/live")).status == 200
        assert (await server.ask("GET", "/v2/health/ready")).status == 200
        denied = await server.ask("POST", INFER, infer_body(1))
        assert denied.status == 401
        assert denied.headers["www-authenticate"] == 'Bearer realm="seatrial"'
        assert "Bearer KEY" in denied.json["error"]
        assert (await server.ask("GET", "/metrics", headers=bearer(key))).status == 403
        answer = await server.ask("POST", INFER, infer_body(21), headers=bearer(key))
        assert answer.json["outputs"][0]["data"] == [42]
        assert told[-1] == ("shop", 200)


async def test_without_a_key_no_body_is_read(tmp_path: Path) -> None:
    fresh(tmp_path / "keys.yaml")
    model, _ = await loaded()
    async with rest(model, gate=Gate(tmp_path / "keys.yaml")) as server, await server.line() as line:
        line.send(b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: 50000000\r\n\r\n" % INFER.encode())
        assert (await line.answer()).status == 401  # not one byte of the body was sent
        assert await line.closed()


async def test_a_trailer_is_no_key(tmp_path: Path) -> None:
    key = fresh(tmp_path / "keys.yaml")
    model, _ = await loaded()
    async with rest(model, gate=Gate(tmp_path / "keys.yaml")) as server, await server.line() as line:
        line.send(
            b"POST %s HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nTrailer: X-API-Key\r\n\r\n"
            b"2\r\n{}\r\n0\r\nX-API-Key: %s\r\n\r\n" % (INFER.encode(), key.secret.encode())
        )
        assert (await line.answer()).status == 401


async def test_what_is_open_to_all(tmp_path: Path) -> None:
    fresh(tmp_path / "keys.yaml")
    model, _ = await loaded()
    async with rest(model, gate=Gate(tmp_path / "keys.yaml", open_to_all=["metrics"])) as server:
        assert (await server.ask("GET", "/metrics")).status == 200
        assert (await server.ask("GET", "/docs")).status == 401


async def test_grpc_asks_for_a_key(tmp_path: Path) -> None:
    usual = fresh(tmp_path / "keys.yaml")
    ops = fresh(tmp_path / "keys.yaml", "ops", rights=["manage"])
    model, _ = await loaded()
    async with rpc(model, gate=Gate(tmp_path / "keys.yaml")) as server:
        clients: list[str] = []
        server.instruments.listen(lambda call, *_: clients.append(call.client))
        assert await server.client.is_server_live()
        assert await server.client.is_server_ready()
        mine, others = ({"authorization": f"Bearer {each.secret}"} for each in (usual, ops))
        for headers, code in (({}, "UNAUTHENTICATED"), (others, "PERMISSION_DENIED")):
            with pytest.raises(InferenceServerException) as caught:
                await server.double(1, headers=headers)
            assert caught.value.status() == f"StatusCode.{code}"
        with pytest.raises(InferenceServerException, match="not for 'manage'"):
            await server.client.unload_model("double", headers=mine)
        assert await server.double(21, headers=mine) == [42]
        assert clients[-1] == "shop"
        assert await server.double(21, headers={"x-api-key": usual.secret}) == [42]


async def test_grpc_reads_no_message_of_who_may_not_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(tmp_path / "keys.yaml")
    model, _ = await loaded()
    read: list[int] = []
    begun = front_module.begun
    monkeypatch.setattr(front_module, "begun", lambda *said: read.append(len(said[-1])) or begun(*said))
    async with rpc(model, gate=Gate(tmp_path / "keys.yaml")) as server:
        codes: list[str] = []
        server.instruments.listen(lambda _, code, *__: codes.append(code))

        async def asked() -> AsyncIterator[dict[str, Any]]:
            yield {"model_name": "double", "inputs": [column(1)]}

        with pytest.raises(InferenceServerException) as caught:
            await server.double(*range(1_000_000))
        assert caught.value.status() == "StatusCode.UNAUTHENTICATED"
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await anext(aiter(server.client.stream_infer(asked(), headers={"x-api-key": "guessed"})))
        assert ended.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert read == [0, 0]
        assert codes == ["UNAUTHENTICATED"] * 2
        assert await server.client.is_server_live()


async def test_fronts_of_their_own_ask_for_a_key(tmp_path: Path) -> None:
    key = fresh(tmp_path / "keys.yaml")
    model, _ = await loaded()
    async with fronted(model, count=1) as (pair,):
        pair.front.gate = Gate(tmp_path / "keys.yaml")
        clients: list[str] = []
        pair.rest.front.instruments.listen(lambda call, *_: clients.append(call.client))
        assert (await pair.rest.ask("POST", INFER, infer_body(1))).status == 401
        answer = await pair.rest.ask("POST", INFER, infer_body(21), headers=bearer(key))
        assert answer.json["outputs"][0]["data"] == [42]
        assert (await pair.rest.ask("GET", "/v2", headers=bearer(key))).status == 200
        assert clients[-2:] == ["shop", "shop"]


# -- what is said at start -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("host", "keys", "tls", "mutual", "said"),
    [
        ("127.0.0.1", False, False, False, ""),
        ("::1", False, False, False, ""),
        ("localhost", False, False, False, ""),
        ("0.0.0.0", False, False, False, "anybody.*read on the way"),  # noqa: S104 - nothing listens there
        ("10.0.0.7", True, False, False, "read on the way"),
        ("serve.example", False, True, False, "anybody"),
        ("::", True, True, False, ""),
        ("10.0.0.7", False, True, True, ""),
    ],
)
def test_a_server_that_strangers_reach_is_told_of(
    host: str, keys: bool, tls: bool, mutual: bool, said: str
) -> None:
    told = exposure(host, keys=keys, tls=tls, mutual=mutual)
    assert bool(told) == bool(said)
    if said:
        assert re.search(said, told)


def test_the_command_shows_a_key_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.yaml"
    assert main(["api-key", "new", str(path), "--name", "shop", "--days", "7", "--model", "digits"]) == 0
    secret = capsys.readouterr().out.strip()
    (key,) = read_keys(path)
    assert isinstance(key, ApiKey)
    assert key.models == ("digits",)
    assert (key.expires - key.created).days == 7
    assert Gate(path).admit(Asked("infer", "digits"), {b"x-api-key": secret.encode()}) == "shop"
    assert main(["api-key", "list", str(path)]) == 0
    listed = capsys.readouterr().out
    assert "shop" in listed
    assert secret not in listed
    assert main(["api-key", "remove", str(path), "shop"]) == 0
    assert main(["api-key", "remove", str(path), "shop"]) == 2
    assert yaml.safe_load(path.read_text())["keys"] == []
