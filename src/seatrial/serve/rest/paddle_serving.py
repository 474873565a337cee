"""`POST /NAME/prediction` as the pipelines of Paddle Serving 0.9 answered it: their clients keep working.

The body has two lists, `key` and `value`, of equal length; a value is text: a text to classify, a picture in
base64, or an array written as JSON. Arrays may come as `tensors` instead. The answer has `err_no` (0: good),
`err_msg`, and the fields of the contract's answer as `key` and `value`; whatever goes wrong with a request is
told there, with the HTTP status 200 that those clients expect.

Source: fields, types and error numbers of the `paddle-serving-server` 0.9.0 package (Apache-2.0).
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import orjson

from seatrial.contract import Contract
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation, NotFound, SeatrialError, UsageError
from seatrial.serve.json_body import read_json
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.payload import Sent, array_of
from seatrial.serve.service import InferenceService
from seatrial.serve.status import Refusal, told

INPUT, TIMEOUT, ENGINE, UNKNOWN = 5000, 6000, 9000, 10000
_ASKS = 'send {"key": ["image"], "value": ["<base64>"]}'
# `elem_type` -> NumPy dtype and the field that has the values. Types without one there are not taken.
_TENSORS = {
    0: ("int64", "int64_data"), 1: ("float32", "float_data"), 2: ("int32", "int_data"),
    3: ("float64", "float64_data"), 4: ("int16", "int_data"), 5: ("float16", "float_data"),
    7: ("uint8", "uint32_data"), 8: ("int8", "int_data"), 9: ("bool", "bool_data"),
}  # fmt: skip

_log = logging.getLogger("seatrial.serve")


class PaddleServingRoutes:
    """What lies under `/NAME/prediction`.

    Args:
        service: Does the work.
    """

    def __init__(self, service: InferenceService) -> None:
        self._service = service

    def __call__(self, exchange: Exchange, name: str) -> None:
        """Answers one request for a model.

        Raises:
            NotFound: There is no such model.
        """
        exchange.only("POST")
        model = self._service.model(name, "", exchange.call)
        exchange.call.route = "prediction"
        try:
            exchange.plain()
            body = _body(exchange)
            logid = body.get("logid")
            if b"x-log-id" not in exchange.headers and type(logid) is int and logid > 0:
                exchange.call.log_id = str(logid)
            payload = _payload(body, model.contract)
            done = partial(_predicted, exchange)
            exchange.cancel = self._service.predict(model, payload, done, exchange.call)
        except NotFound:
            raise
        except SeatrialError as error:
            _failed(exchange, error)


def _body(exchange: Exchange) -> dict[str, Any]:
    try:
        body = read_json(exchange.body)
    except orjson.JSONDecodeError as error:
        raise Refusal("malformed", f"the body is no JSON: {error}", hint=_ASKS) from error
    if not isinstance(body, dict):
        raise ContractViolation("the body is no JSON object", hint=_ASKS)
    return body


def _payload(body: Mapping[str, Any], contract: Contract) -> Sent:
    keys, values = body.get("key") or [], body.get("value") or []
    if not (_texts(keys) and _texts(values)):
        raise ContractViolation("key, value: expected two lists of text", hint=_ASKS)
    if len(keys) != len(values):
        raise ContractViolation(f"key has {len(keys)} entries and value {len(values)}", hint=_ASKS)
    tensors = body.get("tensors") or []
    if tensors:
        if not isinstance(tensors, list):
            raise ContractViolation("tensors: expected a list")
        return _inputs(dict(_tensor(each, place) for place, each in enumerate(tensors)), contract)
    if not keys:
        raise ContractViolation("key: nothing was sent", hint=_ASKS)
    given = dict(zip(keys, values, strict=True))
    if set(given) <= {each.name for each in contract.inputs}:
        arrays = {name: _written(value, name, contract) for name, value in given.items()}
        if all(each is not None for each in arrays.values()):
            return _inputs({name: each for name, each in arrays.items() if each is not None}, contract)
    first = contract.preprocess.calls[0].name if contract.preprocess.calls else ""
    if first == "decode_image" or "image" in given:
        return _picture(_chosen(given, ("image",)))
    return _chosen(given, ("text", "words", "sentence"))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _chosen(given: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The value of the field that is meant: one of these names, or the only one there is."""
    found = next((given[name] for name in names if name in given), None)
    if found is None and len(given) == 1:
        found = next(iter(given.values()))
    if found is None:
        shown = ", ".join(key[:80] for key in given)
        raise ContractViolation(f"key: none of {shown} is '{names[0]}'", hint=_ASKS)
    return found


def _picture(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ContractViolation(f"value: the picture is no base64: {error}", hint=_ASKS) from error


def _written(value: str, name: str, contract: Contract) -> Array | None:
    """The array that a text writes in JSON; None when it is a text that means itself."""
    try:
        data = read_json(value.encode())
    except orjson.JSONDecodeError:
        return None
    return array_of(data, name, contract) if isinstance(data, list) else None


def _tensor(entry: Any, place: int) -> tuple[str, Array]:
    where = f"tensors[{place}]"
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise ContractViolation(f"{where}.name: expected a name")
    kind = entry.get("elem_type", 0)
    if type(kind) is not int or kind not in _TENSORS:
        raise ContractViolation(f"{where}.elem_type: {str(kind)[:40]} is none of {sorted(_TENSORS)}")
    dtype, field = _TENSORS[kind]
    shape = entry.get("shape") or [1]
    try:
        return entry["name"], np.array(entry.get(field) or [], dtype).reshape(shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise ContractViolation(f"{where}.{field}: {error}") from error


def _inputs(arrays: dict[str, Array], contract: Contract) -> Sent:
    """Arrays of one sample: what has the axis of a batch of one loses it."""
    ranks = {each.name: len(each.shape) for each in contract.inputs}
    single = {
        name: each[0] if each.ndim == ranks.get(name) and each.shape[0] == 1 else each
        for name, each in arrays.items()
    }
    return next(iter(single.values())) if len(single) == 1 and len(contract.inputs) == 1 else single


def _predicted(exchange: Exchange, answer: Any) -> None:
    if isinstance(answer, BaseException):
        _failed(exchange, answer)
        return
    fields = answer if isinstance(answer, dict) else {"res": answer}
    values = [each if isinstance(each, str) else orjson.dumps(each).decode() for each in fields.values()]
    exchange.json({"err_no": 0, "err_msg": "", "key": list(fields), "value": values, "tensors": []})


def _failed(exchange: Exchange, error: BaseException) -> None:
    if not isinstance(error, SeatrialError | TimeoutError):
        _log.error("%s %s failed", exchange.method, exchange.path[:200], exc_info=error)
    exchange.call.error = told(error)
    number = next((number for family, number in _NUMBERS if isinstance(error, family)), UNKNOWN)
    exchange.json({"err_no": number, "err_msg": told(error), "key": [], "value": [], "tensors": []})


_NUMBERS: tuple[tuple[type[BaseException], int], ...] = (
    (UsageError, INPUT),
    (ContractViolation, INPUT),
    (TimeoutError, TIMEOUT),
    (SeatrialError, ENGINE),
)
