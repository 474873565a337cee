"""One line for each request: what stands in it, and what happens when it cannot be written."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.serve.call import Call
from seatrial.serve.model import ServedModel
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Log
from seatrial.serve.watching import requestlog
from seatrial.serve.watching.instruments import Instruments
from seatrial.serve.watching.observing import observe
from seatrial.serve.watching.record import picture_size, verdict
from seatrial.serve.watching.requestlog import RequestLog
from support.served import Rest, infer_body, loaded, rest

INFER = "/v2/models/double/infer"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@asynccontextmanager
async def logged(path: Path | str, *models: ServedModel) -> AsyncIterator[Rest]:
    async with rest(*models) as server:
        observe(server.front.instruments, Log(requests=str(path)))
        yield server


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(each) for each in path.read_text("utf-8").splitlines()]


async def test_a_line_tells_who_what_and_how_long(tmp_path: Path) -> None:
    model, _ = await loaded(seconds=0.02, max_batch_size=8)
    path = tmp_path / "requests.jsonl"
    async with logged(path, model) as server:
        headers = {"X-Log-Id": "seven", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        answer = await server.ask("POST", INFER, infer_body(1, 2), headers)
        assert answer.headers["x-log-id"] == "seven"
        assert answer.headers["x-seatrial-version"] == "1"
    (line,) = lines(path)
    seconds = line.pop("seconds")
    assert line.pop("time").startswith("20")
    assert line["input"].pop("digest").startswith("blake2b:")
    assert line["input"].pop("bytes") > 50
    assert line == {
        "log_id": "seven",
        "trace_id": TRACE,
        "client": "127.0.0.1",
        "route": "infer",
        "model": "double",
        "version": "1",
        "code": 200,
        "verdict": "ok",
        "rows": 2,
        "batch_rows": 2,
        "device": 0,
        "input": {"tensors": {"x": [2, 1]}},
    }
    assert list(seconds) == ["read", "prepare", "queue", "device", "answer", "total"]
    assert seconds["device"] >= 0.019
    total = seconds.pop("total")
    assert sum(seconds.values()) == pytest.approx(total, abs=1e-4)


async def test_what_was_refused_is_told_with_the_reason(tmp_path: Path) -> None:
    model, _ = await loaded()
    path = tmp_path / "requests.jsonl"
    async with logged(path, model) as server:
        await server.ask("POST", INFER, {"inputs": []})
        await server.ask("GET", "/nothing")
        async with await server.line() as line:
            line.send(b"no http at all\r\n\r\n")
            assert (await line.answer()).headers["x-log-id"]
    told = lines(path)
    assert [each["verdict"] for each in told] == ["refused"] * 3
    assert [each["code"] for each in told] == [400, 404, 400]
    assert told[0]["error"].startswith("inputs: ")
    assert told[0]["model"] == "double"


async def test_content_never_stands_in_a_line(tmp_path: Path) -> None:
    model, _ = await loaded()
    path = tmp_path / "requests.jsonl"
    async with logged(path, model) as server:
        await server.ask("POST", INFER, infer_body(123456.75))
    assert "123456" not in path.read_text("utf-8")


async def test_every_answered_request_has_one_line_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    model, _ = await loaded(seconds=0.002, max_batch_size=4, max_queue_size=40)
    path = tmp_path / "requests.jsonl"
    answered: list[str] = []
    given_up: list[str] = []
    async with logged(path, model) as server:

        async def client(number: int) -> None:
            for turn in range(12):
                log_id = f"{number}-{turn}"
                async with await server.line() as line:
                    body = infer_body(*range(int(rng.choice((1, 2, 3, 9)))))
                    asked = INFER if rng.random() < 0.7 else "/v2/models/none/infer"
                    line.ask("POST", asked, body, {"X-Log-Id": log_id})
                    if rng.random() < 0.3:
                        await asyncio.sleep(rng.random() * 0.004)
                        given_up.append(log_id)
                        continue
                    answer = await line.answer()
                    assert answer.headers["x-log-id"] == log_id
                    answered.append(log_id)

        await asyncio.gather(*map(client, range(16)))
    seen = Counter(each["log_id"] for each in lines(path))
    assert set(seen.values()) == {1}
    assert set(answered) <= set(seen) <= set(answered) | set(given_up)
    assert {each["verdict"] for each in lines(path)} >= {"ok", "refused", "gone"}


async def test_a_full_disk_costs_lines_and_no_answers(caplog: pytest.LogCaptureFixture) -> None:
    model, _ = await loaded()
    async with logged("/dev/full", model) as server:
        for _ in range(5):
            assert (await server.ask("POST", INFER, infer_body(1))).status == 200
            await asyncio.sleep(2 * requestlog.PAUSE)
        text = (await server.ask("GET", "/metrics")).body.decode()
    assert 'seatrial_log_lines_total{outcome="failed"} 5' in text
    assert 'seatrial_log_lines_total{outcome="written"} 0' in text
    assert len([each for each in caplog.records if "request log" in each.message]) == 1


def answered(log: RequestLog, **more: Any) -> None:
    log(Call(log_id="x", began=1.0, complete=1.5, **more), 200, 2.0)


def test_lines_beyond_what_may_wait_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requestlog, "MOST_WAITING", 3)
    log = RequestLog(str(tmp_path / "log"), pause=60)
    for _ in range(5):
        answered(log)
    log.close()
    assert len(lines(tmp_path / "log")) == 3
    assert log.metric()._read() == {("written",): 3, ("too-many",): 2, ("failed",): 0}


def test_inputs_that_would_hold_too_much_memory_go_without_their_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requestlog, "MOST_HELD", 10_000)
    log = RequestLog(str(tmp_path / "log"), pause=60)
    for _ in range(2):
        answered(log, body=bytes(8000))
    log.close()
    assert ["digest" in each["input"] for each in lines(tmp_path / "log")] == [True, False]


def test_a_digest_is_the_same_wherever_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RequestLog(str(tmp_path / "log"), pause=60)
    answered(log, body=b"abc")
    monkeypatch.setattr(requestlog, "SMALL", 0)
    answered(log, body=b"abc")
    log.close()
    first, second = lines(tmp_path / "log")
    assert first["input"] == second["input"]


def test_what_is_no_unicode_is_told_all_the_same(tmp_path: Path) -> None:
    log = RequestLog(str(tmp_path / "log"), pause=60)
    answered(log, error="no \ud800", facts={"crops": np.int64(3), "shape": np.array([1, 2])})
    answered(log, facts={"odd": {1, 2}}, body=bytes(requestlog.SMALL + 1))
    log.close()
    first, second = lines(tmp_path / "log")
    assert first["error"] == "no \ud800"
    assert first["time"].startswith("20")
    assert second["input"]["odd"] == "{1, 2}"


def test_a_line_that_cannot_be_made_does_not_end_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = RequestLog(str(tmp_path / "log"), pause=60)
    answered(log, facts={(1, 2): "no key of JSON"}, body=bytes(requestlog.SMALL + 1))
    answered(log)
    log.close()
    assert len(lines(tmp_path / "log")) == 1
    assert log.metric()._read()["failed",] == 1
    assert "could not be made" in caplog.text


def test_a_file_that_was_rotated_away_is_made_anew(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    log = RequestLog(str(path), pause=0.001)
    answered(log)
    until(lambda: path.stat().st_size)
    path.rename(old)
    answered(log)
    until(path.exists)
    log.close()
    assert (len(lines(old)), len(lines(path))) == (1, 1)


def until(done: Any) -> None:
    import time

    for _ in range(1000):
        if done():
            return
        time.sleep(0.005)
    pytest.fail("it did not happen")


def test_a_line_that_was_cut_off_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    sink = requestlog._Sink(str(path))
    real, left = os.write, [12]

    def write(file: int, data: bytes) -> int:
        room = left[0]
        if not room:
            raise OSError(28, "No space left on device")
        done = real(file, data[:room])
        left[0] -= done
        return done

    monkeypatch.setattr(os, "write", write)
    sink.write([b'{"a": 1}\n', b'{"b": 2}\n'])
    left[0] = 1 << 20
    sink.write([b'{"c": 3}\n'])
    sink.close()
    assert path.read_text().splitlines() == ['{"a": 1}', '{"b', '{"c": 3}']
    assert (sink.written, sink.failed) == (2, 1)


def test_a_file_that_cannot_be_opened_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"log\.requests"):
        RequestLog(str(tmp_path / "no" / "folder"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=r"log\.requests"):
        RequestLog(str(tmp_path / "pipe"))


def test_a_listener_that_breaks_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    instruments = Instruments(InferenceService(threads=1))

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    instruments.listen(broken)
    instruments.answered(Call(), 200)
    assert "could not be logged" in caplog.text


@pytest.mark.parametrize(
    ("call", "code", "word"),
    [
        (Call(), 200, "ok"),
        (Call(degraded="model b"), 200, "degraded"),
        (Call(degraded="error", error="later"), 503, "refused"),
        (Call(error="err_no 5000"), 200, "error"),
        (Call(), 499, "gone"),
    ],
    ids=["ok", "degraded", "refused", "told-with-a-good-code", "gone"],
)
def test_what_became_of_a_call_in_one_word(call: Call, code: int, word: str) -> None:
    assert verdict(call, code) == word


def test_the_size_of_a_picture_is_told_and_that_of_garbage_is_not() -> None:
    from PIL import Image

    for kind in ("PNG", "JPEG", "WEBP", "BMP"):
        stream = io.BytesIO()
        Image.fromarray(np.zeros((48, 192, 3), np.uint8)).save(stream, kind)
        assert picture_size(stream.getvalue()) == [192, 48]
    for garbage in (b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"no picture"):
        assert picture_size(garbage) is None
