"""The usual request: tensors of numbers in JSON, of a form that came before.

A client sends the same names, types and shapes again and again, and other numbers. What is to be looked at
but once is looked at once for each form; the rest is one packing of the numbers.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation
from seatrial.runtimes import FeedCheck, Lot
from seatrial.serve import v2

MOST_FORMS = 64  # of one path
LARGEST = 16 << 10  # bytes of a body, and of its tensors
_EXACT = 1 << 53
_FEW_KEYS = 4  # name, datatype, shape and data, and nothing beside them
# Types whose numbers `struct` takes as strictly as the long way does.
_CODES = {
    "FP32": "f", "FP64": "d", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
}  # fmt: skip

Packed = bytes | list[bytes]


class Form:
    """Names, types and shapes of one request's tensors.

    Args:
        check: That the values have to pass.
        tensors: Name, datatype and shape of each, in the request's order.
        rows: Of one request.
    """

    __slots__ = ("_check", "_places", "_tensors", "kinds", "packers", "rows", "size")

    def __init__(
        self, check: FeedCheck, tensors: Sequence[tuple[str, str, tuple[int, ...]]], rows: int
    ) -> None:
        packed = [struct.Struct(f"<{math.prod(shape)}{_CODES[kind]}") for _, kind, shape in tensors]
        self._check, self.rows = check, rows
        self.packers = [each.pack for each in packed]
        self.kinds = [float if kind in ("FP32", "FP64") else int for _, kind, _ in tensors]
        self.size = sum(each.size for each in packed)  # bytes of one request's tensors
        self._tensors = {name: (v2.NUMPY[kind], shape[1:]) for name, kind, shape in tensors}
        places = {name: place for place, (name, _, _) in enumerate(tensors)}
        self._places = [(spec.name, places[spec.name]) for spec in check.specs]

    def lot(self, packed: Sequence[Any]) -> Lot | None:
        """The tensors of some requests together; None: not all of their values plainly fit.

        Args:
            packed: Of each request, as `Forms.read` gave it.
        """
        rows = len(packed) * self.rows
        feeds: dict[str, Array] = {}
        for name, place in self._places:
            dtype, tail = self._tensors[name]
            raw = b"".join(packed if len(self._places) == 1 else [each[place] for each in packed])
            feeds[name] = np.frombuffer(raw, dtype).reshape(rows, *tail)
        return self._check.lot(feeds, self.rows)


class Forms:
    """The forms of requests that came to one path.

    Args:
        check: What they have to pass; None: nobody knows, and there are none.
    """

    __slots__ = ("_check", "_forms")

    def __init__(self, check: FeedCheck | None) -> None:
        self._check = check if check is not None and check.plain else None
        self._forms: dict[Any, Form | None] = {}

    def read(self, body: bytes | bytearray) -> tuple[Form, str, Packed] | None:
        """A request's form, its id, and its numbers as bytes; None: it has to be read the long way.

        Whatever is unusual is None here, be it right or wrong: only the long way finds words for it.
        """
        if self._check is None or len(body) > LARGEST:
            return None
        try:
            data = orjson.loads(body)
            inputs = data["inputs"]
            if len(data) > 1 and (len(data) != 2 or "id" not in data):
                return None
            given = str(data["id"] or "") if len(data) > 1 else ""
            if len(inputs) == 1:
                entry = inputs[0]
                # As text: true and 1.0 are no sizes, but equal to one that is.
                key: Any = (entry["name"], entry["datatype"], repr(entry["shape"]))
                form = self._forms[key] if key in self._forms else self._learn(key, inputs)
                if form is None or len(entry) != _FEW_KEYS:
                    return None
                values = entry["data"]
                if type(values) is not list:
                    return None
                if type(values[0]) is not form.kinds[0] and not _exact(values, form.kinds[0]):
                    return None
                return form, given, form.packers[0](*values)
            key = tuple([(each["name"], each["datatype"], repr(each["shape"])) for each in inputs])
            form = self._forms[key] if key in self._forms else self._learn(key, inputs)
            return None if form is None else _several(form, given, inputs)
        except (ValueError, TypeError, LookupError, OverflowError, struct.error):
            return None

    def _learn(self, key: Any, inputs: Sequence[Any]) -> Form | None:
        """Looks at the form of a request for the first time."""
        if len(self._forms) >= MOST_FORMS or self._check is None:
            return None
        form = self._looked_at(self._check, inputs)
        if form is not None:
            self._forms[key] = form
        return form

    @staticmethod
    def _looked_at(check: FeedCheck, inputs: Sequence[Any]) -> Form | None:
        tensors = []
        for each in inputs:
            name, kind, shape = each["name"], each["datatype"], each["shape"]
            try:
                v2.check_tensor(kind, shape, "")
            except ContractViolation:
                return None
            if kind not in _CODES or not isinstance(name, str) or math.prod(shape) > LARGEST:
                return None
            tensors.append((name, kind, tuple(shape)))
        rows = check.formed({name: (v2.NUMPY[kind], shape) for name, kind, shape in tensors})
        if not rows or len(tensors) != len(check.specs):  # one that is there twice
            return None
        form = Form(check, tensors, rows)
        return form if form.size <= LARGEST else None


def _several(form: Form, given: str, inputs: Sequence[Any]) -> tuple[Form, str, Packed] | None:
    packed = []
    for entry, kind, pack in zip(inputs, form.kinds, form.packers, strict=True):
        values = entry["data"]
        if len(entry) != _FEW_KEYS or type(values) is not list:
            return None
        if type(values[0]) is not kind and not _exact(values, kind):
            return None
        packed.append(pack(*values))
    return form, given, packed


def _exact(values: Sequence[Any], kind: type) -> bool:
    """Whether whole numbers may be packed as floats: larger ones would be rounded twice, not once."""
    return kind is float and type(values[0]) is int and min(values) > -_EXACT and max(values) < _EXACT
