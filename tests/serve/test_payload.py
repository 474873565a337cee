"""What clients post to predict, in the forms they have it, and what is wrong with the others."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec
from seatrial.errors import ContractViolation
from seatrial.serve.rest.payload import read_payload
from seatrial.serve.status import Refusal, status_of
from support.served import contract_for

FORM = b"multipart/form-data; boundary=b0"


def form(*fields: tuple[str, bytes]) -> bytes:
    parts = [b"--b0\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in fields]
    return b"".join([*parts, b"--b0--\r\n"])


def disposition(name: str, filename: str = "", kind: str = "") -> str:
    told = f'Content-Disposition: form-data; name="{name}"'
    told += f'; filename="{filename}"' if filename else ""
    return told + (f"\r\nContent-Type: {kind}" if kind else "")


def read(kind: str | bytes, body: bytes, contract: Contract | None = None) -> Any:
    return read_payload(kind if isinstance(kind, bytes) else kind.encode(), body, contract or contract_for())


@given(st.binary(min_size=1).filter(lambda raw: b"\r\n--b0" not in raw))
def test_an_uploaded_file_comes_out_byte_by_byte(raw: bytes) -> None:
    assert read(FORM, form((disposition("file", "x.png", "image/png"), raw))) == raw
    assert read("image/png", raw) == raw
    assert read("application/octet-stream", raw) == raw


def test_which_field_of_a_form_is_meant() -> None:
    file, note = (disposition("file", "x.png", "image/png"), b"1"), (disposition("note"), b"2")
    assert read(FORM, form(note, file)) == b"1"
    assert read(FORM, form((disposition("upload", "x.png"), b"3"))) == b"3"
    assert read(FORM, form((disposition("text"), "好".encode()))) == "好"
    assert read(FORM, form((disposition("file", "x.txt", "text/plain"), b"words"))) == "words"
    assert read(b'multipart/form-data; boundary="b0"', form(file)) == b"1"


def test_texts_are_texts() -> None:
    assert read("text/plain; charset=utf-8", "你好".encode()) == "你好"
    assert read("application/json", b'{"text": "/etc/passwd"}') == "/etc/passwd"


BAD = [
    ("", b"x", 415),
    ("application/x-www-form-urlencoded", b"x", 415),
    ("application/pdf", b"x", 415),
    ("image/png", b"", 400),
    ("text/plain", b"\xff", 400),
    ("multipart/form-data", form((disposition("file", "x"), b"1")), 400),
    (FORM, b"", 400),
    (FORM, b"--b0\r\n", 400),
    (FORM, form((disposition("file", "x"), b"1"))[:-8], 400),
    (FORM, form((disposition("file", "x"), b"")), 400),
    (FORM, form(("X: 1", b"1")), 400),
    (FORM, form((disposition("a"), b"1"), (disposition("b"), b"1")), 400),
    (FORM, form((disposition("file", "x"), b"1"), (disposition("file", "y"), b"1")), 400),
    (FORM, form(*[(disposition(f"f{place}"), b"1") for place in range(100)]), 400),
    (FORM, b"--b0\r\nno end of headers\r\n--b0--\r\n", 400),
    (FORM, form((disposition("text"), b"\xff")), 400),
    (b"multipart/form-data; boundary=" + b"x" * 300, b"", 400),
    ("application/json", b"{", 400),
    ("application/json", b"[" * 100_000, 400),
    ("application/json", b"[]", 400),
    ("application/json", b"{}", 400),
    ("application/json", b'{"text": 5}', 400),
    ("application/json", b'{"inputs": []}', 400),
    ("application/json", b'{"inputs": {"x": [[1], [1, 2]]}}', 400),
    ("application/json", b'{"inputs": {"x": [1, null]}}', 400),
    ("application/json", b'{"inputs": {"x": {"a": 1}}}', 400),
]


@pytest.mark.parametrize(("kind", "body", "expected"), BAD)
def test_bodies_that_are_refused(kind: str | bytes, body: bytes, expected: int) -> None:
    with pytest.raises((Refusal, ContractViolation)) as caught:
        read(kind, body)
    assert status_of(caught.value) == expected


@given(
    st.binary(max_size=200),
    st.sampled_from([FORM, b"application/json", b"text/plain", b"\xff", b";;=", b"a/b; c"]),
)
def test_whatever_comes_the_answer_is_an_error_of_ours(body: bytes, kind: bytes) -> None:
    try:
        payload = read(kind, body)
    except (Refusal, ContractViolation):
        return
    assert payload is not None


def test_numbers_become_what_the_contract_takes() -> None:
    def given_as(values: Any, dtype: str, *steps: StepCall) -> Any:
        spec = TensorSpec("x", dtype, ("batch", 2))
        contract = contract_for(spec, preprocess=Pipeline(steps))
        return read("application/json", json.dumps({"inputs": {"x": values}}).encode(), contract)

    assert given_as([1, 2], "float32").dtype == np.float32
    assert given_as([1, 2], "int32").dtype == np.int32
    assert given_as([1, 2.5], "int32").dtype == np.float64  # the specs refuse it by name
    assert given_as([1, 2**40], "int32").dtype == np.int64
    assert given_as([0.1, 2], "float32", StepCall("cast", {"dtype": "float32"})).dtype == np.float32
    assert given_as([[1, 255]], "float32", StepCall("decode_image")).dtype == np.uint8
    assert given_as([[1, 256]], "float32", StepCall("decode_image")).dtype == np.int64


def test_several_inputs_stay_apart() -> None:
    specs = TensorSpec("a", "float32", ("batch",)), TensorSpec("b", "int64", ("batch",))
    got = read("application/json", b'{"inputs": {"a": 1, "b": 2}}', contract_for(*specs))
    assert {name: each.dtype.name for name, each in got.items()} == {"a": "float32", "b": "int64"}
