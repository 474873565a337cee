"""How a request is called: ids that are taken, ids that are made, and what goes back."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.call import Call, headers_of, made_id
from seatrial.serve.rpc.calls import address_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def identified(**headers: str | bytes) -> Call:
    call = Call()
    call.identify(
        {
            name.replace("_", "-").encode(): value if isinstance(value, bytes) else value.encode()
            for name, value in headers.items()
        }
    )
    return call


@pytest.mark.parametrize("given_id", ["1", "7fe2-11", "a" * 128, "user@host:8/x=+._-"])
def test_a_log_id_is_taken_as_it_is(given_id: str) -> None:
    assert identified(x_log_id=given_id).log_id == given_id


@pytest.mark.parametrize(
    "bad", [b"", b"a" * 129, b"a b", b"a\tb", b'"', b"{}", "日".encode(), b"\xff", b"a\x00", b"a;b"]
)
def test_a_bad_log_id_is_replaced(bad: bytes) -> None:
    log_id = identified(x_log_id=bad).log_id
    assert len(log_id) == 32
    assert int(log_id, 16)


def test_a_trace_gives_the_log_id_where_there_is_none() -> None:
    call = identified(traceparent=PARENT)
    assert (call.log_id, call.trace_id, call.traceparent) == (TRACE, TRACE, PARENT)


def test_a_log_id_goes_before_a_trace() -> None:
    call = identified(traceparent=PARENT, x_log_id="mine")
    assert (call.log_id, call.trace_id) == ("mine", TRACE)


@pytest.mark.parametrize(
    "bad",
    [
        PARENT.upper(),
        PARENT[:-1],
        PARENT + "0",
        PARENT + "-00",
        "ff" + PARENT[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT.replace("-", "_"),
        "",
    ],
)
def test_a_bad_trace_is_as_none(bad: str) -> None:
    call = identified(traceparent=bad)
    assert call.traceparent == ""
    assert call.log_id != TRACE


def test_a_trace_of_a_later_version_may_say_more() -> None:
    assert identified(traceparent="01" + PARENT[2:] + "-more").trace_id == TRACE


def test_a_call_without_a_trace_has_one_when_asked_and_keeps_it() -> None:
    call = identified(x_log_id="mine")
    assert len(call.trace_id) == 32
    assert call.trace_id == call.trace_id
    made = identified()
    assert made.trace_id == made.log_id


@given(st.binary(max_size=200))
def test_whatever_comes_what_goes_back_is_one_clean_header(raw: bytes) -> None:
    call = identified(x_log_id=raw, traceparent=raw)
    for _, value in headers_of(call):
        assert value.isascii()
        assert value.isprintable()
        assert 1 <= len(value) <= 128


def test_what_goes_back_names_version_and_rung() -> None:
    call = Call(log_id="a", version="3", degraded="model small")
    assert headers_of(call) == [
        ("X-Log-Id", "a"),
        ("X-Seatrial-Version", "3"),
        ("X-Seatrial-Degraded", "model small"),
    ]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:1234", "127.0.0.1"),
        ("ipv6:%5B::1%5D:1234", "::1"),
        ("ipv6:[::1]:1234", "::1"),
        ("unix:/run/x", "unix:/run/x"),
    ],
)
def test_an_address_is_the_same_over_both_protocols(peer: str, address: str) -> None:
    assert address_of(peer) == address


@pytest.mark.parametrize(("name", "said"), [("模型", "%E6%A8%A1%E5%9E%8B"), ("a\r\nb: c", "a%0D%0Ab%3A%20c")])
def test_a_name_that_no_header_can_say_is_quoted(name: str, said: str) -> None:
    for _, value in headers_of(Call(log_id="a", version=name, degraded=name))[1:]:
        assert value == said


def test_made_ids_differ_in_a_forked_process_too() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, made_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 32).decode()
    os.close(reading)
    os.close(writing)
    ours = {made_id() for _ in range(1000)}
    assert len(ours) == 1000
    assert theirs not in ours
