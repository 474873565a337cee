"""Compressed bodies: what goes in comes out, and what is no such body or a bomb is refused."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.limits import Limits
from seatrial.serve.rest.encoding import asked, packed, unpacked
from seatrial.serve.status import Refusal
from support.served import infer_body, loaded, rest

INFER = "/v2/models/double/infer"


@given(st.lists(st.binary(max_size=2000)), st.sampled_from(["gzip", "deflate"]))
def test_what_is_packed_is_unpacked(parts: list[bytes], coding: str) -> None:
    body = b"".join(parts)
    assert unpacked(packed(parts, coding), coding, len(body)) == body


@pytest.mark.parametrize(
    ("body", "coding", "reason", "words"),
    [
        (b"{}", "br", "media-type", "'br' are not taken"),
        (b"{}", "gzip, gzip", "media-type", "not taken"),
        (b"{}", "gzip", "malformed", "no gzip"),
        (gzip.compress(b"{}"), "deflate", "malformed", "no deflate"),
        (gzip.compress(b"{}")[:-3], "gzip", "malformed", "cut short"),
        (gzip.compress(b"{}") + b"more", "gzip", "malformed", "4 bytes follow"),
        (gzip.compress(b"0" * 101), "gzip", "too-large", "more than 100 bytes"),
    ],
    ids=["unknown", "twice", "plain", "other", "cut", "follows", "large"],
)
def test_what_cannot_be_unpacked_is_refused(body: bytes, coding: str, reason: str, words: str) -> None:
    with pytest.raises(Refusal, match=words) as caught:
        unpacked(body, coding, 100)
    assert caught.value.reason == reason


def test_a_bomb_takes_no_more_memory_than_a_body_may() -> None:
    bomb = zlib.compress(b"\0" * (256 << 20), 9)
    tracemalloc.start()
    try:
        with pytest.raises(Refusal):
            unpacked(bomb, "deflate", 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_only_a_client_that_names_one_coding_means_it() -> None:
    assert asked(b"gzip") == "gzip"
    assert asked(b" Deflate") == "deflate"
    assert {asked(each) for each in (None, b"", b"br", b"gzip, deflate", b"gzip, deflate, br, zstd")} == {""}


async def test_over_the_wire() -> None:
    model, _ = await loaded(max_batch_size=4096)
    values = [1.0] * 500
    body = json.dumps(infer_body(*values)).encode()
    async with rest(model, limits=Limits(body=50_000)) as server:
        for coding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
            headers = {"Content-Encoding": coding, "Accept-Encoding": coding}
            answer = await server.ask("POST", INFER, pack(body), headers)
            assert answer.headers["content-encoding"] == coding
            told = json.loads(unpacked(answer.body, coding, 1 << 20))
            assert told["outputs"][0]["data"] == [2.0] * 500
            listed = {"Content-Encoding": coding, "Accept-Encoding": "gzip, deflate, br"}
            assert "content-encoding" not in (await server.ask("POST", INFER, pack(body), listed)).headers
        bomb = await server.ask("POST", INFER, gzip.compress(b" " * 60_000), {"Content-Encoding": "gzip"})
        assert (bomb.status, "unpacks to more" in bomb.json["error"]) == (413, True)
        assert (await server.ask("POST", INFER, infer_body(1))).status == 200
