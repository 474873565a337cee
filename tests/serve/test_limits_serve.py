"""What clients may take together: connections, memory, headers, chunks, values in JSON, texts, pixels."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import resource
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seatrial.contract import Contract
from seatrial.contract.pipeline import Pipeline, StepCall
from seatrial.errors import ContractViolation
from seatrial.serve import v2
from seatrial.serve.flow.pipeline import ServedPipeline
from seatrial.serve.json_body import MOST_LISTS, MOST_VALUES, read_json
from seatrial.serve.limits import Limits, Room, check_payload, picture_size
from seatrial.serve.rpc import codec
from seatrial.serve.rpc.schema import schema
from seatrial.serve.server import allow_files
from support.flows import doubles, split
from support.served import X, Y, infer_body, loaded, rest

__all__ = ["split"]  # the fixture
INFER = "/v2/models/double/infer"


def test_room() -> None:
    room = Room(10)
    assert room.take(6)
    assert not room.take(5)
    assert room.taken == 6
    room.give(6)
    assert room.take(10)


async def test_who_comes_on_top_is_told_at_once() -> None:
    model, _ = await loaded()
    async with rest(model, limits=Limits(connections=2)) as server:
        first, second = await server.line(), await server.line()
        for line in (first, second):
            line.ask("GET", "/v2")
            assert (await line.answer()).status == 200
        async with await server.line() as third:
            answer = await third.answer()  # it has not asked anything yet
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert "2 connections are open" in answer.json["error"]
            assert await third.closed()
        first.ask("POST", INFER, infer_body(1))
        assert (await first.answer()).status == 200
        first.writer.close()
        await first.writer.wait_closed()
        await asyncio.sleep(0.05)
        assert (await server.ask("GET", "/v2")).status == 200
        second.writer.close()


async def test_bodies_share_one_memory() -> None:
    model, _ = await loaded()
    limits = Limits(memory=100_000)
    head = b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n"
    async with rest(model, limits=limits) as server:
        async with await server.line() as slow, await server.line() as late:
            slow.send(head % (INFER.encode(), 90_000) + b"x" * 80_000)
            await asyncio.sleep(0.1)
            assert server.front.room.taken == 80_000
            late.send(head % (INFER.encode(), 30_000))
            answer = await late.answer()  # told before the body is sent
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert "memory" in answer.json["error"]
            assert (await server.ask("POST", INFER, infer_body(1))).status == 200
        await asyncio.sleep(0.1)
        assert server.front.room.taken == 0  # also of the one that was never complete


async def test_a_chunked_body_finds_the_memory_full() -> None:
    model, _ = await loaded()
    async with rest(model, limits=Limits(memory=10_000)) as server, await server.line() as line:
        line.send(b"POST %s HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" % INFER.encode())
        for _ in range(4):
            line.send(b"fa0\r\n" + b"x" * 4000 + b"\r\n")
        assert (await line.answer()).status == 503
        assert server.front.room.taken == 0


async def test_a_body_that_unpacks_to_much_finds_the_memory_full() -> None:
    model, _ = await loaded()
    packed = gzip.compress(b" " * 50_000 + json.dumps(infer_body(1)).encode())
    headers = {"Content-Encoding": "gzip"}
    async with rest(model, limits=Limits(memory=10_000)) as server:
        assert (await server.ask("POST", INFER, packed, headers)).status == 503
        assert server.front.room.taken == 0
    model, _ = await loaded()
    async with rest(model) as server:
        assert (await server.ask("POST", INFER, packed, headers)).json["outputs"][0]["data"] == [2]
        assert server.front.room.taken == 0


async def test_headers_are_counted() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        many = {f"X-{each}": "1" for each in range(98)}
        assert (await server.ask("GET", "/v2", headers=many)).status == 200
        more = {f"X-{each}": "1" for each in range(101)}
        answer = await server.ask("GET", "/v2", headers=more)
        assert answer.status == 431
        assert "100 headers" in answer.json["error"]


@pytest.mark.parametrize(
    "what",
    [b"1;" + b"e" * 60_000 + b"\r\nx\r\n", b"0\r\nT: " + b"t" * 60_000],
    ids=["extensions", "trailers"],
)
async def test_what_is_no_data_has_an_end(what: bytes) -> None:
    """Extensions of chunks and trailers: nobody reads them, and they could go on for ever."""
    model, _ = await loaded()
    async with rest(model) as server:
        async with await server.line() as line:
            line.send(b"POST %s HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" % INFER.encode())
            line.send(what)
            for _ in range(20):
                line.send(what if what[:1] == b"1" else b"t" * 60_000)
            assert (await line.answer()).status == 400
        assert (await server.ask("GET", "/v2")).status == 200


@pytest.mark.parametrize(
    ("soft", "hard", "set_to"),
    [(1024, 4096, 2512), (1024, 2000, 2000), (1024, -1, 2512), (4096, 4096, None), (-1, -1, None)],
)
def test_files_for_connections(
    soft: int, hard: int, set_to: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: told.append(limits))
    allow_files(1000)
    assert told == ([] if set_to is None else [(set_to, hard)])


# -- JSON ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[" + b"1," * (MOST_VALUES + 1) + b"1]", "values"),
        (b"[" + b"[]," * (MOST_LISTS + 1) + b"1]", "lists"),
        (b"[" + b"{}," * (MOST_LISTS + 1) + b"1]", "lists"),
        (b"[" * (MOST_LISTS + 1), "lists"),
    ],
    ids=["values", "lists", "objects", "depth"],
)
def test_wide_json_is_not_parsed(raw: bytes, words: str) -> None:
    for each in (raw, bytearray(raw), memoryview(raw)):
        with pytest.raises(ContractViolation, match=words) as caught:
            read_json(each)
        assert "raw" in caught.value.hint


def test_json_of_a_large_picture_is_parsed() -> None:
    picture = [[[0.5] * 3] * 224] * 224
    assert read_json(json.dumps(picture).encode()) == picture


async def test_a_json_bomb_costs_its_neighbors_nothing() -> None:
    model, _ = await loaded()
    bomb = b'{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[' + b"[]," * 5_000_000 + b"[]]}]}"
    async with rest(model) as server:
        began = asyncio.get_running_loop().time()
        answers = await asyncio.gather(
            server.ask("POST", INFER, bomb),
            *(server.ask("POST", INFER, infer_body(each)) for each in range(5)),
        )
        assert [each.status for each in answers] == [400, 200, 200, 200, 200, 200]
        assert "lists" in answers[0].json["error"]
        assert asyncio.get_running_loop().time() - began < 5


def test_a_tensor_of_too_many_texts() -> None:
    most = v2.MOST_TEXTS
    entry = {
        "name": "x",
        "datatype": "BYTES",
        "shape": [most + 1],
        "parameters": {"binary_data_size": 4 * most},
    }
    head = json.dumps({"inputs": [entry]}).encode()
    with pytest.raises(ContractViolation, match=r"inputs\[0\]\.shape: 65537 texts, at most 65536"):
        v2.read_request(head + bytes(4 * most), len(head))
    with pytest.raises(ContractViolation, match="3 texts"):
        v2.from_bytes(bytes(4 * 100_000), "BYTES", [2], "x")


def test_typed_values_over_grpc_have_an_end() -> None:
    message = schema("inference").messages["ModelInferRequest"](model_name="double")
    entry = message.inputs.add(name="x", datatype="BOOL", shape=[MOST_VALUES + 1])
    entry.contents.bool_contents.extend([True] * (MOST_VALUES + 1))
    with pytest.raises(ContractViolation, match="1048577 values, at most 1048576"):
        codec.read_request(message)


# -- texts and pictures --------------------------------------------------------------------------------------
def png_of(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and has them packed to nearly nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((width + 1) * 64), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture_of(form: str, size: tuple[int, int] = (400, 300)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_is_measured_by_its_header(form: str) -> None:
    data = picture_of(form)
    assert picture_size(data) == (400, 300)
    check_payload(data, Limits(pixels=120_000))
    with pytest.raises(ContractViolation, match="400 x 300 pixels, at most 119999"):
        check_payload(data, Limits(pixels=119_999))


def test_what_is_no_picture_is_not_measured() -> None:
    assert picture_size(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") is None
    check_payload(np.zeros((5, 5)), Limits(pixels=1, text=1))


def test_a_text_has_a_length() -> None:
    check_payload("x" * 10, Limits(text=10))
    with pytest.raises(ContractViolation, match="text: 11 characters, at most 10"):
        check_payload("x" * 11, Limits(text=10))


def picture_contract() -> Contract:
    calls = (StepCall("decode_image", {"color": "GRAY"}),)
    return Contract(name="double", task="tensor", inputs=(X,), outputs=(Y,), preprocess=Pipeline(calls))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png_of(30_000, 30_000), "pixels"),
        (png_of(9_000, 9_000), "9000 x 9000"),
        (picture_of("PNG")[:60], "damaged"),
        (b"\x00" * 50, "no image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n", "no image"),
    ],
    ids=["bomb", "over the contract's", "corrupt", "zeros", "a program"],
)
async def test_bad_pictures_cost_only_themselves(data: bytes, words: str) -> None:
    model, _ = await loaded(contract=picture_contract())
    path, kind = "/v1/models/double/predict", {"Content-Type": "image/png"}
    async with rest(model) as server:
        bad, good = await asyncio.gather(
            server.ask("POST", path, data, kind), server.ask("POST", INFER, infer_body(4))
        )
        assert bad.status == 400, bad.json
        assert words in bad.json["error"]
        assert good.json["outputs"][0]["data"] == [8]


async def test_the_limit_reaches_the_predict_endpoint() -> None:
    model, _ = await loaded(contract=picture_contract())
    path, kind = "/v1/models/double/predict", {"Content-Type": "image/png"}
    limits = Limits(pixels=100, text=10)
    async with rest(model, limits=limits) as server:
        answer = await server.ask("POST", path, picture_of("PNG"), kind)
        assert answer.status == 400
        assert "limits.image_megapixels" in answer.json["error"]
        answer = await server.ask("POST", path, {"text": "x" * 11}, {"Content-Type": "application/json"})
        assert answer.status == 400
        assert "limits.text_characters" in answer.json["error"]


@pytest.mark.usefixtures("split")
async def test_the_limit_reaches_pipelines_on_both_ways() -> None:
    model, _ = await loaded()
    async with rest(model, limits=Limits(text=10)) as server:
        service = server.service
        service.pipelines["doubles"] = ServedPipeline("doubles", doubles(), service.repository)
        for text, status in (("1 2 3", 200), ("1 2 3 4 5 6", 400)):
            entry = {"name": "request", "datatype": "BYTES", "shape": [1], "data": [text]}
            for path, body in (
                ("/v1/models/doubles/predict", {"text": text}),
                ("/v2/models/doubles/infer", {"inputs": [entry]}),
            ):
                answer = await server.ask("POST", path, body, {"Content-Type": "application/json"})
                assert answer.status == status, (path, answer.body)
                assert status == 200 or "limits.text_characters" in answer.json["error"]


# -- forms ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"--b" + b"\r\n--b" * 500_000, "more than 62 fields"),
        (b"--b\r\n" + b"a: b\r\n" * 2000 + b"\r\nx\r\n--b--", "no end of its headers"),
        (b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n", "cut short"),
    ],
    ids=["parts", "head", "cut"],
)
async def test_forms_have_bounds(body: bytes, words: str) -> None:
    model, _ = await loaded()
    kind: dict[str, Any] = {"Content-Type": "multipart/form-data; boundary=b"}
    async with rest(model) as server:
        answer = await server.ask("POST", "/v1/models/double/predict", body, kind)
        assert answer.status == 400
        assert words in answer.json["error"]
