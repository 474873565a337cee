"""What a client posts to the predict endpoint, as the payload that a contract's pipeline starts from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message
from typing import Any

import numpy as np
import orjson

from seatrial.contract import Contract
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation
from seatrial.serve.json_body import read_json
from seatrial.serve.status import Refusal

Sent = bytes | str | Array | Mapping[str, Array]

MOST_PARTS = 64  # of a form, with what lies before the first field and behind the last
LONGEST_HEAD = 8 << 10  # bytes of one field's headers
_TAKES = "image/*, application/octet-stream, multipart/form-data, text/plain or application/json"
_ASKS = 'send {"text": "..."} or {"inputs": {"NAME": [...]}}'


def read_payload(kind: bytes, body: bytes, contract: Contract) -> Sent:
    """The payload of a body.

    Args:
        kind: The `Content-Type` as sent.
        body: All of it.
        contract: Says what the model takes.

    Raises:
        Refusal: This form is not taken.
        ContractViolation: The body is not what its form says; the message names the field.
    """
    message = _header(kind)
    form = message.get_content_type() if kind else ""
    if form == "multipart/form-data":
        return _from_form(message.get_param("boundary"), body)
    if form == "application/json":
        return _from_json(body, contract)
    if form == "text/plain":
        return _text(body, "the body")
    if form.startswith("image/") or form == "application/octet-stream":
        if not body:
            raise ContractViolation("the body is empty", hint="send a file")
        return body
    raise Refusal(
        "media-type",
        f"the content type '{form[:80]}' is not taken" if form else "there is no content type",
        hint=f"send {_TAKES}, such as: curl -F file=@x.png",
    )


def _header(kind: bytes) -> Message:
    message = Message()
    message["Content-Type"] = kind.decode("latin-1")
    return message


def _text(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractViolation(f"{where} is no UTF-8: {error.reason} at byte {error.start}") from error


def _from_form(boundary: Any, body: bytes) -> Sent:
    """The file or the text of a form (RFC 7578): the field `file`, `text`, or the only one there is."""
    if not isinstance(boundary, str) or not boundary or len(boundary) > 200:
        raise Refusal("malformed", "the content type has no usable boundary")
    fields: dict[str, Sent] = {}
    for head, content in _parts(boundary.encode("latin-1"), body):
        name, value = _field(head, content)
        if name in fields:
            raise ContractViolation(f"the form has the field '{name[:80]}' twice", hint="send one sample")
        fields[name] = value
    chosen: str | None = next(filter(fields.__contains__, ("file", "text")), None)
    if chosen is None and len(fields) == 1:
        chosen = next(iter(fields))
    if chosen is None:
        has = ", ".join(name[:80] for name in fields) or "none"
        raise ContractViolation(f"the form has no field 'file' (fields: {has})")
    return fields[chosen]


def _parts(boundary: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
    mark = b"--" + boundary
    pieces = (b"\r\n" + body).split(b"\r\n" + mark, MOST_PARTS)
    if len(pieces) > MOST_PARTS:
        raise ContractViolation(f"the form has more than {MOST_PARTS - 2} fields")
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise ContractViolation("the form is cut short or does not use its boundary")
    parts = []
    for piece in pieces[1:-1]:
        head, found, content = piece.partition(b"\r\n\r\n")
        if not found or len(head) > LONGEST_HEAD:
            raise ContractViolation("a field of the form has no end of its headers")
        parts.append((head, content))
    return parts


def _field(head: bytes, content: bytes) -> tuple[str, Sent]:
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        key, _, value = line.partition(":")
        headers[key.strip().lower()] = value.strip()
    disposition = Message()
    disposition["Content-Disposition"] = re.sub(r"[\r\n\0]", " ", headers.get("content-disposition", ""))
    named = disposition.get_param("name", header="content-disposition")
    if not isinstance(named, str):
        raise ContractViolation("a field of the form has no name")
    name = named
    is_file = disposition.get_param("filename", header="content-disposition") is not None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("text/") or (not is_file and not kind):
        return name, _text(content, f"the field '{name[:80]}'")
    if not content:
        raise ContractViolation(f"the field '{name[:80]}' is empty", hint="send a file that is not")
    return name, content


def _from_json(body: bytes, contract: Contract) -> Sent:
    try:
        data = read_json(body)
    except orjson.JSONDecodeError as error:
        raise Refusal("malformed", f"the body is no JSON: {error}", hint=_ASKS) from error
    if not isinstance(data, dict) or not ("text" in data or "inputs" in data):
        raise ContractViolation("the body has neither 'text' nor 'inputs'", hint=_ASKS)
    if "text" in data:
        if not isinstance(data["text"], str):
            raise ContractViolation("text: expected text", hint=_ASKS)
        return data["text"]
    inputs = data["inputs"]
    if not isinstance(inputs, dict) or not inputs:
        raise ContractViolation("inputs: expected an object of arrays by name", hint=_ASKS)
    arrays = {name: array_of(value, name, contract) for name, value in inputs.items()}
    if len(contract.inputs) == 1 and set(arrays) == {contract.inputs[0].name}:
        return arrays[contract.inputs[0].name]
    return arrays


def array_of(value: Any, name: str, contract: Contract) -> Array:
    """An array from nested lists, in the type that the contract means.

    Raises:
        ContractViolation: The lists are uneven or hold no numbers.
    """
    where = f"inputs.{name[:80]}"
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ContractViolation(f"{where}: the lists are of uneven length") from error
    if array.dtype.kind not in "biufU":
        raise ContractViolation(f"{where}: expected numbers or text, all of one kind")
    return _as_wanted(array, name, contract)


def _as_wanted(array: Array, name: str, contract: Contract) -> Array:
    """JSON knows two kinds of numbers; the contract knows which one is meant."""
    first = contract.preprocess.calls[0].name if contract.preprocess.calls else ""
    if first == "decode_image" and array.dtype.kind in "iu" and array.size:
        byte = np.iinfo(np.uint8)
        return array.astype(np.uint8) if array.min() >= 0 and array.max() <= byte.max else array
    spec = next((each for each in contract.inputs if each.name == name), None)
    if spec is None or spec.dtype not in np.sctypeDict or array.dtype.kind not in "iuf":
        return array
    wanted = np.dtype(spec.dtype)
    if wanted.kind == "f" and (array.dtype.kind == "f" or not first):
        with np.errstate(over="ignore"):
            return array.astype(wanted)
    if wanted.kind in "iu" and array.dtype.kind in "iu" and array.size:
        info = np.iinfo(wanted)
        if info.min <= int(array.min()) and int(array.max()) <= info.max:
            return array.astype(wanted)
    return array
