"""A running service is asked over HTTP: v2 tensors, or what a predict endpoint takes."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatrial.contract import Contract, Pipeline, Sample, StepCall, TensorSpec, draft_contract
from seatrial.diagnosis import Case, Reference, Setup
from seatrial.diagnosis.service import PredictRunner, V2Runner, is_address, open_service
from seatrial.errors import ContractViolation, Unavailable, UsageError
from support.services import FakeModel, serving

META = {
    "name": "m",
    "versions": ["1", "2"],
    "platform": "any",
    "inputs": [
        {"name": "a", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "b", "datatype": "FP32", "shape": [-1, 2]},
    ],
    "outputs": [
        {"name": "sum", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "first", "datatype": "FP32", "shape": [-1, -1]},
    ],
}


def model(**options) -> FakeModel:
    def infer(feeds, version):
        if np.isnan(feeds["a"]).any():
            raise ValueError("input 'a' holds NaN")
        return {"sum": feeds["a"] + feeds["b"] * int(version or 1), "first": feeds["a"]}

    return FakeModel(**{"infer": infer, "metadata": META, **options})


def setup_of(runner: V2Runner, **where: str) -> Setup:
    return Setup(draft_contract(runner.inputs, runner.outputs, "m"), None, where=where)


A, B = np.array([[1, 2], [3, 4]], np.float32), np.array([[10, 20], [30, 40]], np.float32)


@pytest.mark.parametrize("extensions", [(), ("binary_tensor_data",)], ids=["json", "binary"])
def test_a_batch_goes_through_and_comes_back_in_the_metadatas_order(extensions) -> None:
    served = model(extensions=extensions)
    with serving(served) as host, open_service(f"{host}/v2/models/m") as runner:
        assert isinstance(runner, V2Runner)
        total, first = runner.infer(setup_of(runner), {"a": A, "b": B})
    np.testing.assert_array_equal(total, A + B)
    np.testing.assert_array_equal(first, A)
    assert total.dtype == np.float32
    kinds = [headers.get("Content-Type") for method, _, headers in served.seen if method == "POST"]
    assert kinds == ["application/octet-stream" if extensions else "application/json"]


def test_metadata_becomes_specs() -> None:
    with serving(model()) as host, open_service(f"{host}/v2/models/m/") as runner:
        assert runner.inputs == (
            TensorSpec("a", "float32", ("batch", 2)),
            TensorSpec("b", "float32", ("batch", 2)),
        )
        assert runner.outputs[1].shape == ("batch", None)
        assert (runner.name, runner.version, runner.versions) == ("m", "", ("1", "2"))


def test_the_version_is_the_addresss_or_the_setups() -> None:
    with serving(model()) as host, open_service(f"{host}/v2/models/m/versions/2") as runner:
        assert runner.version == "2"
        own = runner.infer(setup_of(runner), {"a": A, "b": B})
        other = runner.infer(setup_of(runner, version="3"), {"a": A, "b": B})
    np.testing.assert_array_equal(own[0], A + 2 * B)
    np.testing.assert_array_equal(other[0], A + 3 * B)


def test_feeds_are_bound_to_the_services_inputs_by_order() -> None:
    with serving(model()) as host, open_service(f"{host}/v2/models/m") as runner:
        renamed = tuple(TensorSpec(name, "float32", ("batch", 2)) for name in ("x", "y"))
        setup = Setup(draft_contract(renamed, runner.outputs, "m"), None)
        total, _ = runner.infer(setup, {"y": B, "x": A})
        np.testing.assert_array_equal(total, A + B)


@pytest.mark.parametrize("extensions", [(), ("binary_tensor_data",)], ids=["json", "binary"])
def test_text_tensors_cross(extensions) -> None:
    meta = {**META, "inputs": [{"name": "a", "datatype": "BYTES", "shape": [-1]}]}
    meta["outputs"] = [{"name": "length", "datatype": "FP32", "shape": [-1]}]
    served = model(
        metadata=meta,
        extensions=extensions,
        infer=lambda feeds, _: {"length": np.array([len(each) for each in feeds["a"]], np.float32)},
    )
    with serving(served) as host, open_service(f"{host}/v2/models/m") as runner:
        (lengths,) = runner.infer(setup_of(runner), {"a": np.array(["ab", "深度学习", ""])})
    assert lengths.tolist() == [2, 4, 0]


def test_a_refused_batch_is_the_batchs_fault_and_the_next_is_asked() -> None:
    with serving(model()) as host, open_service(f"{host}/v2/models/m") as runner:
        with pytest.raises(ContractViolation, match="input 'a' holds NaN"):
            runner.infer(setup_of(runner), {"a": A * np.nan, "b": B})
        assert len(runner.infer(setup_of(runner), {"a": A, "b": B})) == 2


def test_a_redirect_is_not_followed() -> None:
    away = (307, {"Location": "http://elsewhere.example/v2/models/m"}, b"")
    with (
        serving(model(special={"/v2/models/m": away})) as host,
        pytest.raises(Unavailable, match=r"status 307 and sends on to http://elsewhere") as caught,
    ):
        open_service(f"{host}/v2/models/m")
    assert "answers itself" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b'{"error": "no such model"}', r"status 404: no such model"),
        (500, b"<html>oops</html>", r"status 500$"),
        (503, b'{"detail": "loading"}', r"status 503: loading"),
        (401, b"who are you", r"status 401: who are you"),
        (200, b"hello", r"no JSON"),
        (200, b"[1, 2]", r"no metadata"),
        (200, b'{"inputs": [], "outputs": []}', r"names no inputs"),
        (200, b'{"inputs": [{"name": "a"}], "outputs": []}', r"which is no v2"),
        (200, b'{"inputs": [{"name": "a", "datatype": "FP8", "shape": [1]}]}', r"'a' is FP8"),
    ],
)
def test_what_is_no_v2_model_is_said_so(status, body, said) -> None:
    with (
        serving(model(special={"/v2/models/m": (status, {}, body)})) as host,
        pytest.raises(Unavailable, match=said),
    ):
        open_service(f"{host}/v2/models/m")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"outputs": [{"name": "sum", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}',
        b'{"outputs": [{"name": "sum", "shape": [9, 9], "datatype": "FP32", "data": [1]}]}',
        b'{"outputs": [{"name": "sum", "shape": [-1, 2], "datatype": "FP32", "data": [1]}]}',
        b'{"outputs": [{"name": "sum", "shape": [99999, 99999], "datatype": "FP32", "data": []}]}',
        b'{"outputs": 7}',
    ],
    ids=["empty", "one missing", "wrong size", "negative", "enormous", "no list"],
)
def test_an_answer_that_is_none_is_unavailable(body) -> None:
    with (
        serving(model(special={"/v2/models/m/infer": (200, {}, body)})) as host,
        open_service(f"{host}/v2/models/m") as runner,
        pytest.raises(Unavailable, match="no inference response"),
    ):
        runner.infer(setup_of(runner), {"a": A, "b": B})


def test_a_service_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} cannot be reached") as caught:
        open_service(f"http://127.0.0.1:{port}/v2/models/m")
    assert "running" in caught.value.hint


def test_a_silent_service_is_given_up_after_three_times() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/models/m/predict"
        with open_service(address, timeout=0.05) as runner:
            assert isinstance(runner, PredictRunner)
            setup = Setup(picture_contract("RGB"), None, opaque=True)
            for _ in range(3):
                with pytest.raises(Unavailable, match=r"does not answer within 0.05 s"):
                    runner.answer(setup, b"x")
            with pytest.raises(Unavailable, match="not asked again"):
                runner.answer(setup, b"x")


def test_an_idle_connection_that_was_closed_is_opened_again() -> None:
    with (
        serving(
            model(special={"/v1/models/m/predict": (200, {"Connection": "close"}, b'{"value": 1}')})
        ) as host,
        open_service(f"{host}/v1/models/m/predict") as runner,
    ):
        setup = Setup(picture_contract("RGB"), None, opaque=True)
        assert [runner.answer(setup, "x") for _ in range(3)] == [{"value": 1}] * 3


@pytest.mark.parametrize(
    "address",
    ["ftp://a/v2/models/m", "http:///v2/models/m", "http://a:99999/v2/models/m", "http://u:p@a/v2/models/m"],
)
def test_an_address_that_cannot_be_asked_is_refused(address) -> None:
    with pytest.raises(UsageError):
        open_service(address)


def test_an_address_without_a_model_says_what_is_expected() -> None:
    with pytest.raises(UsageError, match="names no model") as caught:
        open_service("http://127.0.0.1:1/")
    assert "/v2/models/NAME" in caught.value.hint


def test_addresses_and_files_are_told_apart() -> None:
    assert is_address("http://a/v2/models/m")
    assert not is_address("models/http")


def picture_contract(color: str) -> Contract:
    return Contract(
        name="m",
        task="classification",
        inputs=(TensorSpec("x", "float32", ("batch", 3, None, None)),),
        outputs=(TensorSpec("y", "float32", ("batch", 2)),),
        preprocess=Pipeline((StepCall("decode_image", {"color": color}),)),
    )


def echo(kind: str, body: bytes, query: str):
    """Says what came: the size and first pixel of an upload, else the JSON."""
    if kind == "multipart/form-data":
        image = Image.open(io.BytesIO(body))
        return {"answer": {"size": image.size, "pixel": image.getpixel((0, 0))}}
    return {"got": json.loads(body), "query": query}


@pytest.mark.parametrize(("color", "pixel"), [("RGB", [200, 10, 30]), ("BGR", [30, 10, 200])])
def test_pixels_are_uploaded_as_a_picture_with_the_right_colors(color, pixel) -> None:
    pixels = np.zeros((4, 5, 3), np.uint8) + np.array([200, 10, 30], np.uint8)
    with serving(FakeModel(answer=echo)) as host, open_service(f"{host}/v1/models/m/predict") as runner:
        answer = runner.answer(Setup(picture_contract(color), None, opaque=True), pixels)
    assert answer == {"size": [5, 4], "pixel": pixel}


def test_files_are_uploaded_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / 'a "b".png'
    Image.new("RGB", (3, 2), (1, 2, 3)).save(file)
    with serving(FakeModel(answer=echo)) as host, open_service(f"{host}/v1/models/m/predict") as runner:
        setup = Setup(picture_contract("RGB"), None, opaque=True)
        assert runner.answer(setup, file) == {"size": [3, 2], "pixel": [1, 2, 3]}
        assert runner.answer(setup, file.read_bytes()) == {"size": [3, 2], "pixel": [1, 2, 3]}
        with pytest.raises(ContractViolation, match="cannot be read"):
            runner.answer(setup, tmp_path / "gone.png")


def test_text_and_numbers_go_as_json_and_the_version_as_query() -> None:
    contract = draft_contract(
        (TensorSpec("x", "float32", ("batch", 2)),), (TensorSpec("y", "float32", ("batch", 2)),), "m"
    )
    with serving(FakeModel(answer=echo)) as host, open_service(f"{host}/v1/models/m/predict") as runner:
        setup = Setup(contract, None, opaque=True, where={"version": "7"})
        assert runner.answer(setup, "好")["got"] == {"text": "好"}
        told = runner.answer(setup, np.array([1, 2], np.float32))
        assert told == {"got": {"inputs": {"x": [1.0, 2.0]}}, "query": "version=7"}
        assert runner.answer(setup, {"x": A[0]})["got"] == {"inputs": {"x": [1.0, 2.0]}}


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ({"prediction": {"class": "cat"}}, {"class": "cat"}),
        ([{"class": "cat"}], {"class": "cat"}),
        ({"top1_class": "cat", "confidence": 0.9}, {"top1_class": "cat", "confidence": 0.9, "class": "cat"}),
        ([1, 2], [1, 2]),
    ],
)
def test_answers_are_taken_out_of_their_wrappings(said, understood) -> None:
    served = FakeModel(answer=lambda *_: said)
    with serving(served) as host, open_service(f"{host}/v1/models/m/predict") as runner:
        assert runner.answer(Setup(picture_contract("RGB"), None, opaque=True), "x") == understood


def test_a_refused_sample_is_a_failure_of_that_sample() -> None:
    def answer(_kind: str, body: bytes, _query: str):
        if b"bad" in body:
            raise ValueError("no image")
        return {"class": "cat", "index": 0}

    with serving(FakeModel(answer=answer)) as host, open_service(f"{host}/v1/models/m/predict") as runner:
        samples = (Sample("0", "good", "cat"), Sample("1", "bad", "cat"))
        setup = Setup(picture_contract("RGB"), None, opaque=True)
        case = Case(setup, samples, Reference("labels", answers=("cat", "cat"), labels_only=True), runner)
        seen = case.observed
    assert seen.agrees.tolist() == [True, False]
    assert "no image" in seen.failures[1]


def test_each_runner_refuses_the_others_question() -> None:
    with serving(model()) as host:
        with open_service(f"{host}/v2/models/m") as runner, pytest.raises(UsageError):
            runner.answer(setup_of(runner), "x")
        with open_service(f"{host}/v1/models/m/predict") as predict, pytest.raises(UsageError):
            predict.infer(Setup(picture_contract("RGB"), None), {})
