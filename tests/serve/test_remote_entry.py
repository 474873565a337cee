"""What lets one server in at another: a key and a certificate, which go to that server only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.errors import Unavailable, UsageError
from seatrial.serve.access.apikeys import add_key, made
from seatrial.serve.access.guard import Gate
from seatrial.serve.access.tls import Tls
from seatrial.serve.assembly import assemble
from seatrial.serve.call import Call
from seatrial.serve.settings import Remote, Rung, Settings, read_settings
from seatrial.serve.traffic.remote import Entry, RemoteModel, entries_of, origin
from seatrial.serve.traffic.steps import RemoteAnswer
from support.certificates import Authority
from support.served import Y, loaded, rest

FEEDS = {"x": np.array([[4.0]])}


async def asked(url: str, entry: Entry) -> float:
    remote = RemoteModel(url, seconds=5, entry=entry)
    try:
        return float((await remote.infer("double", (Y,), FEEDS, Call()))[0].item())
    finally:
        remote.close()


async def test_a_server_behind_a_key_and_its_own_certificate_is_asked(tmp_path: Path) -> None:
    key, authority = made("other-server", today=date(2026, 11, 21)), Authority(tmp_path)
    add_key(tmp_path / "keys.yaml", key.key)
    (tmp_path / "key").write_text(f"{key.secret}\nthe key of the other one\n")
    pair, (model, _) = authority.signs("server"), await loaded()
    async with rest(model, gate=Gate(tmp_path / "keys.yaml"), tls=Tls(pair.certificate, pair.key)) as server:
        url = f"https://127.0.0.1:{server.port}"
        whole = Remote(key=tmp_path / "key", authority=authority.own.certificate)
        assert await asked(url, entries_of({url: whole})[url]) == 8.0
        without_key = entries_of({url: Remote(authority=authority.own.certificate)})[url]
        with pytest.raises(Unavailable, match="answered 401"):
            await asked(url, without_key)
        with pytest.raises(Unavailable, match="certificate verify failed"):
            await asked(url, entries_of({url: Remote(key=tmp_path / "key")})[url])


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://models.example", "https://models.example:443"),
        ("https://Models.Example:443/v2/models/a", "https://models.example:443"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://10.0.0.7", "http://10.0.0.7:80"),
    ],
)
def test_a_server_is_known_by_scheme_host_and_port(url: str, wanted: str) -> None:
    assert origin(url) == wanted


async def test_a_rung_gets_the_key_of_its_own_server_and_of_no_other(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc123")
    remotes = {"https://10.0.0.7": Remote(key=tmp_path / "key")}
    assembly = assemble(Settings(remotes=remotes))
    traffic = assembly.service.traffic
    for url, wanted in (
        ("https://10.0.0.7:443/v2/models/m", "abc123"),
        ("https://10.0.0.8", ""),
        ("https://10.0.0.7:8443", ""),
        ("http://10.0.0.7:443", ""),
    ):
        step = traffic._step("m", Rung(remote=url))
        assert isinstance(step, RemoteAnswer)
        assert step.remote._entry.key == wanted
        sent, _ = step.remote._request("m", FEEDS, Call(), 1.0)
        assert (b"Authorization: Bearer abc123\r\n" in sent) == bool(wanted)
    assert "abc123" not in repr(traffic.entries)
    await assembly.server.stop(0)


@pytest.mark.parametrize(
    ("remotes", "message"),
    [
        ({"10.0.0.7": {}}, "expected https://HOST:PORT"),
        ({"https://10.0.0.7/v2": {}}, "nothing behind it"),
        ({"https://user@10.0.0.7": {}}, "expected https://HOST:PORT"),
        ({"http://10.0.0.7": {"key": "key"}}, "over https only"),
        ({"http://127.0.0.1:80": {"authority": "own.pem"}}, "no certificate"),
        ({"https://10.0.0.7": {"password": "x"}}, "password"),
    ],
    ids=["no-scheme", "path", "user", "plain", "authority", "unknown"],
)
def test_what_would_not_do_is_refused_when_it_is_read(
    tmp_path: Path, remotes: Mapping[str, Any], message: str
) -> None:

    path = tmp_path / "serve.yaml"
    path.write_text(json.dumps({"remotes": remotes}))
    with pytest.raises(UsageError, match=message):
        read_settings(path)


@pytest.mark.parametrize("text", ["", "\nabc", "two words", "a\tb"], ids=["no", "first", "two", "tab"])
def test_a_file_without_a_key_is_refused_and_what_is_in_it_is_not_told(tmp_path: Path, text: str) -> None:
    remotes = {"http://127.0.0.1:80": Remote(key=tmp_path / "key")}
    with pytest.raises(UsageError, match="No such file"):
        entries_of(remotes)
    (tmp_path / "key").write_text(text)
    with pytest.raises(UsageError, match="holds no key") as caught:
        entries_of(remotes)
    assert caught.value.message.startswith("remotes.http://127.0.0.1:80: ")
    assert "words" not in caught.value.message
