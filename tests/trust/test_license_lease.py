"""The lease server: gives each call once, believes its devices only, and is believed by them only."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from seatrial.errors import TrustError, Unavailable, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust import lease_server
from seatrial.trust.dsse import sign
from seatrial.trust.guard import Guard
from seatrial.trust.keys import new_key
from seatrial.trust.lease import REQUEST_FORMAT, REQUEST_TYPE, OnlineCalls, ask_over_http
from seatrial.trust.lease_book import LeaseBook
from seatrial.trust.lease_server import LeaseDesk, LeaseServer, tls_context
from seatrial.trust.license import unverified
from seatrial.trust.quota import BLOCK
from seatrial.trust.refusals import Expired, OverQuota, Replayed, Revoked
from seatrial.trust.revocation import revoke
from support.certificates import Authority
from support.licensing import NOON, Office


class Counter:
    """A lease server without a network, and a license that is counted there."""

    def __init__(self, folder: Path, **changed: object) -> None:
        self.office = Office(folder)
        self.path = self.office.license(**{"max_calls": 3 * BLOCK, "online": self.office.online(), **changed})
        self.revoked = folder / "revoked.json"
        self.book = LeaseBook(folder / "leases.jsonl")
        self.desk = self.opened()

    def opened(self) -> LeaseDesk:
        claims = unverified(self.path.read_bytes()).claims
        revocations = self.revoked if self.revoked.exists() else None
        return LeaseDesk(
            {claims.id: claims},
            self.book,
            self.office.server,
            clock=self.office.time.clock,
            issuers=[self.office.issuer.public],
            revocations=revocations,
        )

    def again(self) -> None:
        """The server is started anew."""
        self.book.close()
        self.book = LeaseBook(self.office.folder / "leases.jsonl")
        self.desk = self.opened()

    def guard(self, ask: Callable[[bytes], bytes] | None = None) -> Guard:
        return self.office.guard(self.path, ask=ask or self.desk.answer)

    def calls(self, ask: Callable[[bytes], bytes]) -> OnlineCalls:
        """What a process that was just started leases with."""
        device, claims = self.office.device(), unverified(self.path.read_bytes()).claims
        return OnlineCalls(
            claims,
            device=device.told.id,
            signing=device.signing,
            ledger=device.ledger,
            ask=ask,
            told_time=lambda _: None,
        )


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(tmp_path)


def test_calls_come_from_the_server(counter: Counter) -> None:
    guard = counter.guard()
    for _ in range(3 * BLOCK):
        guard.take()
    with pytest.raises(OverQuota):
        guard.take()
    counter.again()
    assert counter.book.account("L-1").used == 3 * BLOCK


def test_what_the_server_says_the_time_is_has_been(counter: Counter) -> None:
    counter.office.time.passes(days=9)
    guard = counter.guard()
    counter.office.time.wall -= timedelta(days=9)
    counter.office.time.boot += 2
    with pytest.raises(TrustError, match="clock rolled back"):
        guard.take()


def test_a_server_that_does_not_answer(counter: Counter) -> None:
    def nobody(_: bytes) -> bytes:
        raise Unavailable("the lease server does not answer")

    with pytest.raises(Unavailable, match="does not answer"):
        counter.guard(nobody)


def test_an_answer_that_was_lost_costs_nothing(counter: Counter) -> None:
    lost = []

    def once_lost(question: bytes) -> bytes:
        answer = counter.desk.answer(question)
        if not lost:
            lost.append(answer)
            raise Unavailable("the connection broke")
        return answer

    calls = counter.calls(once_lost)
    with pytest.raises(Unavailable):
        calls.lease(BLOCK)
    assert calls.lease(BLOCK) == BLOCK
    assert counter.book.account("L-1").used == BLOCK


def test_an_answer_that_was_lost_with_its_process_costs_a_block_at_most(counter: Counter) -> None:
    def lost(question: bytes) -> bytes:
        counter.desk.answer(question)
        raise Unavailable("the connection broke")

    with pytest.raises(Unavailable):
        counter.calls(lost).lease(BLOCK)
    assert counter.calls(counter.desk.answer).lease(BLOCK) == BLOCK
    assert counter.book.account("L-1").used == 2 * BLOCK


def test_a_question_that_never_came_costs_one_call(counter: Counter) -> None:
    def nobody(_: bytes) -> bytes:
        raise Unavailable("the lease server does not answer")

    with pytest.raises(Unavailable):
        counter.calls(nobody).lease(BLOCK)
    assert counter.calls(counter.desk.answer).lease(BLOCK) == BLOCK
    assert counter.book.account("L-1").used == BLOCK + 1


@pytest.mark.parametrize("by", ["server", "recorder"])
def test_a_state_put_back_in_the_middle_of_a_question_wins_nothing(counter: Counter, by: str) -> None:
    """Copied while the answer is on its way; then the calls are used with the server out of reach."""
    state, answers = counter.office.folder / "device.state", []

    def copied(question: bytes) -> bytes:
        shutil.copy(state, state.with_name("old"))
        answers.append(counter.desk.answer(question))
        return answers[-1]

    assert counter.calls(copied).lease(BLOCK) == BLOCK
    won = 0
    for _ in range(5):
        shutil.copy(state.with_name("old"), state)
        with suppress(TrustError):
            won += counter.calls(counter.desk.answer if by == "server" else lambda _: answers[0]).lease(BLOCK)
    assert won + BLOCK <= counter.book.account("L-1").used


def test_an_earlier_answer_is_none(counter: Counter) -> None:
    answers: list[bytes] = []

    def recorded(question: bytes) -> bytes:
        answers.append(counter.desk.answer(question))
        return answers[0]

    guard = counter.guard(recorded)
    guard.take(BLOCK)
    with pytest.raises(TrustError, match="one to another question"):
        guard.take(BLOCK)


def test_an_earlier_question_is_none(counter: Counter) -> None:
    questions: list[bytes] = []

    def recorded(question: bytes) -> bytes:
        questions.append(question)
        return counter.desk.answer(question)

    guard = counter.guard(recorded)
    for _ in range(BLOCK):
        guard.take()
    assert len(questions) > 1
    used = counter.book.account("L-1").used
    assert b"granted" not in counter.desk.answer(questions[0])
    assert counter.book.account("L-1").used == used


def test_an_older_copy_of_the_device_is_found_out(counter: Counter) -> None:
    state = counter.office.folder / "device.state"
    shutil.copy(state, state.with_name("old"))
    counter.guard()
    shutil.copy(state.with_name("old"), state)
    with pytest.raises(Replayed, match="an older copy of the device's state asks"):
        counter.guard()
    with pytest.raises(Replayed):  # and it stays so
        counter.guard()


def test_revoked_and_expired_at_the_server(counter: Counter) -> None:
    revoke(counter.revoked, counter.office.issuer, [], now=NOON)
    counter.desk = counter.opened()
    counter.guard()
    revoke(counter.revoked, counter.office.issuer, ["L-1"], now=NOON)
    with pytest.raises(Revoked, match="the lease server says: the license L-1 was revoked"):
        counter.guard()
    counter.revoked.unlink()
    counter.desk = counter.opened()
    ahead = counter.office.time.wall + timedelta(days=400)
    counter.desk._clock = lambda: ahead
    with pytest.raises(Expired, match="the lease server says: expired"):
        counter.guard()


def question(**changed: object) -> dict[str, object]:
    return {
        "format": REQUEST_FORMAT, "license": "L-1", "device": "x", "nonce": "n" * 32, "after": "", "calls": 5,
    } | changed  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [{"calls": -5}, {"calls": 0}, {"calls": "5"}, {"nonce": ""}, {"format": "x"}, {"license": "L-2"}],
)
def test_questions_that_are_none(counter: Counter, changed: dict[str, object]) -> None:
    key = counter.office.device().signing
    asked = sign(canonical(question(**changed)), REQUEST_TYPE, key).to_bytes()
    with pytest.raises(TrustError):
        counter.desk.answer(asked)
    assert counter.book.account("L-1").used == 0


def test_somebody_else_asks(counter: Counter) -> None:
    asked = sign(canonical(question()), REQUEST_TYPE, new_key()).to_bytes()
    with pytest.raises(TrustError, match="wrong key"):
        counter.desk.answer(asked)


def test_somebody_else_answers(counter: Counter) -> None:
    other = counter.desk
    other._key = new_key()
    with pytest.raises(TrustError, match="wrong key"):
        counter.guard(other.answer)


def test_a_license_for_another_server(counter: Counter) -> None:
    counter.office.server = new_key()
    with pytest.raises(UsageError, match="not issued for a lease server with this key"):
        counter.opened()


def test_a_book_whose_last_line_was_torn_goes_on(counter: Counter) -> None:
    counter.guard()
    file = counter.office.folder / "leases.jsonl"
    with file.open("ab") as stream:
        stream.write(b'{"n":2,"calls":9')
    counter.again()
    assert counter.book.account("L-1").used == BLOCK
    counter.guard()
    counter.again()
    assert counter.book.account("L-1").used == 2 * BLOCK


@pytest.mark.parametrize("how", ["number", "cut", "order", "garbage"])
def test_a_book_that_was_edited(counter: Counter, how: str) -> None:
    guard = counter.guard()
    for _ in range(2 * BLOCK):
        guard.take()
    counter.book.close()
    file = counter.office.folder / "leases.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    edited = {
        "number": [lines[0].replace(b'"calls":1000', b'"calls":1'), *lines[1:]],
        "cut": lines[1:],
        "order": [lines[1], lines[0], *lines[2:]],
        "garbage": [*lines, b"[]\n"],
    }[how]
    file.write_bytes(b"".join(edited))
    with pytest.raises(TrustError, match="changed: line"):
        LeaseBook(file)


def test_one_server_a_book(counter: Counter) -> None:
    with pytest.raises(UsageError, match="in use by another"):
        LeaseBook(counter.office.folder / "leases.jsonl")


@contextmanager
def serving(desk: LeaseDesk, **more: object) -> Iterator[LeaseServer]:
    server = LeaseServer(desk, "127.0.0.1", 0, **more)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_over_http(counter: Counter) -> None:
    with serving(counter.desk) as server:
        guard = counter.guard(ask_over_http(server.url))
        guard.take(10)
        assert guard.calls_left == 3 * BLOCK - 10
    with pytest.raises(Unavailable, match="does not answer"):
        counter.guard(ask_over_http(server.url, seconds=1))


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v1/lease", {"Content-Length": str(1 << 30)}, 413),
        ("POST", "/v1/lease", {"Content-Length": "-1"}, 411),
        ("POST", "/v1/lease", {"Content-Length": "2"}, 403),
        ("POST", "/elsewhere", {"Content-Length": "2"}, 404),
        ("GET", "/v1/lease", {}, 501),
    ],
)
def test_what_is_no_question_gets_a_status(
    counter: Counter, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    with serving(counter.desk) as server:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=5)
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(b"{}" if method == "POST" else None)
        answer = connection.getresponse()
        assert answer.status == status
        assert b"Traceback" not in answer.read()
        connection.close()


@pytest.mark.slow
def test_over_tls(counter: Counter, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.signs("server")
    with serving(counter.desk, tls=tls_context(own.certificate, own.key)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        counter.guard(ask_over_http(url, authority=authority.own.certificate)).take()
        with pytest.raises(Unavailable, match="certificate"):
            counter.guard(ask_over_http(url))


def test_an_address_that_is_none() -> None:
    with pytest.raises(UsageError, match="no address"):
        ask_over_http("localhost:8090")


def test_the_book_is_plain_text(counter: Counter) -> None:
    counter.guard()
    line = json.loads((counter.office.folder / "leases.jsonl").read_text())
    assert line["license"] == "L-1"
    assert line["calls"] == BLOCK


def test_two_servers_of_one_device_share_what_is_leased(counter: Counter) -> None:
    """Each gets calls of its own, even when they ask at the same moment."""

    def slow(question: bytes) -> bytes:
        time.sleep(0.02)
        return counter.desk.answer(question)

    guards: list[Guard] = []
    threads = [threading.Thread(target=lambda: guards.append(counter.guard(slow))) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(guards) == 3
    assert counter.book.account("L-1").used == 3 * BLOCK
    for each in guards:
        each.take(BLOCK)
        with pytest.raises(OverQuota):
            each.take()


def test_who_sends_a_byte_now_and_then_is_cut_off(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_server, "PATIENCE", 0.2)
    with serving(counter.desk) as server, socket.create_connection(server.server_address[:2]) as client:
        client.settimeout(5)
        client.sendall(b"POST /v1/lease HTTP/1.1\r\nContent-Length: 9999\r\n\r\n")
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() < began + 5:
                client.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - began < 3
