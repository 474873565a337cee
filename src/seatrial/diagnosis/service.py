"""Asks a running service: tensors of the Open Inference Protocol v2, or what a predict endpoint takes."""

from __future__ import annotations

import io
import json
import mimetypes
import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import numpy as np
from PIL import Image

from seatrial.contract import Contract, TensorSpec
from seatrial.contract.sample import Array, Payload
from seatrial.diagnosis import _service_tensors as tensors
from seatrial.diagnosis._service_http import Service
from seatrial.diagnosis.setup import Setup
from seatrial.errors import ContractViolation, Unavailable, UsageError

_V2 = re.compile(r"^(?P<root>.*)/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/infer)?$")
_PREDICT = re.compile(r"^(?P<root>.*)/v1/models/(?P<name>[^/:]+)[/:]predict$")
_TIMEOUT = 30.0
_LARGEST_FILE = 64 << 20


def is_address(text: str) -> bool:
    """Whether what the user named is a service and not a file."""
    return text.startswith(("http://", "https://"))


def open_service(address: str, *, timeout: float = _TIMEOUT) -> V2Runner | PredictRunner:
    """What asks the service at an address: `.../v2/models/NAME[/versions/V]` or `.../v1/models/NAME/predict`.

    Raises:
        UsageError: The address is neither.
        Unavailable: The service does not answer as it should.
    """
    service = Service(address, timeout=timeout)
    if _V2.match(service.path):
        try:
            return V2Runner(service)
        except BaseException:
            service.close()
            raise
    if _PREDICT.match(service.path):
        service.connect()
        return PredictRunner(service)
    raise UsageError(
        f"'{address}' names no model",
        hint="end it with /v2/models/NAME (Open Inference Protocol) or /v1/models/NAME/predict",
    )


class _Connected:
    """Holds the connection to a service; leaving its `with` block closes it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def close(self) -> None:
        """Closes the connection; idempotent."""
        self._service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class V2Runner(_Connected):
    """A `Runner` over the Open Inference Protocol v2 (REST), which takes preprocessed tensors.

    Attributes:
        name: Of the model.
        version: As the address names it; empty leaves the choice to the service.
        versions: Those the service announces, maybe none.
        inputs: Specs from its metadata.
        outputs: Likewise.
        platform: What it says it runs.

    Args:
        service: Its address is the model's.

    Raises:
        Unavailable: It does not answer, or its metadata is no v2.
    """

    def __init__(self, service: Service) -> None:
        parts = _V2.match(service.path)
        if parts is None:
            raise UsageError(f"'{service.path}' is no path of a v2 model")
        super().__init__(service)
        self._root = parts["root"] + "/v2"
        self.name, self.version = parts["name"], parts["version"] or ""
        data = self._metadata(self.version)
        self.inputs: tuple[TensorSpec, ...] = _specs(data, "inputs")
        self.outputs: tuple[TensorSpec, ...] = _specs(data, "outputs")
        self.versions = tuple(str(each) for each in data.get("versions") or ())
        self.platform = str(data.get("platform", ""))
        self._binary = self._announces_binary()

    def infer(self, setup: Setup, feeds: Mapping[str, Array]) -> list[Array]:
        """One batch, to the version in `setup.where` or the address's own.

        Raises:
            ContractViolation: The service refuses this batch.
            Unavailable: It does not answer as it should.
        """
        path = self._path(setup.where.get("version", self.version)) + "/infer"
        # Bound by order, as everywhere: names differ from format to format.
        given = {
            spec.name: np.asarray(feeds[name])
            for spec, name in zip(self.inputs, _names(setup, feeds), strict=True)
        }
        names = [spec.name for spec in self.outputs]
        body, headers = tensors.encode(given, names, binary=self._binary)
        answer = self._service.post(path, body, headers)
        return tensors.decode(answer.body, answer.headers, names)

    def answer(self, setup: Setup, payload: Payload) -> Any:
        """A v2 service takes tensors.

        Raises:
            UsageError: Always.
        """
        raise UsageError("a v2 endpoint is asked for tensors, not for answers")

    def _path(self, version: str) -> str:
        return f"{self._root}/models/{self.name}" + (
            f"/versions/{quote(version, safe='')}" if version else ""
        )

    def _metadata(self, version: str) -> dict[str, Any]:
        path = self._path(version)
        data = self._service.get(path).json(f"{self._service.host}{path}")
        if not isinstance(data, dict):
            raise Unavailable(f"{self._service.host}{path} gives no metadata of a model")
        return data

    def _announces_binary(self) -> bool:
        try:
            data = self._service.get(self._root).json(self._root)
        except Unavailable:
            return False  # the server's own metadata is optional for us: JSON always works
        return isinstance(data, dict) and "binary_tensor_data" in (data.get("extensions") or ())


def _specs(data: Mapping[str, Any], what: str) -> tuple[TensorSpec, ...]:
    described = data.get(what)
    if (
        not isinstance(described, list)
        or not described
        or not all(isinstance(each, dict) for each in described)
    ):
        raise Unavailable(
            f"the service's metadata names no {what}",
            hint="v2 metadata lists name, datatype and shape of each",
        )
    return tuple(tensors.spec_of(each) for each in described)


def _names(setup: Setup, feeds: Mapping[str, Array]) -> Sequence[str]:
    names = [spec.name for spec in setup.contract.inputs]
    return names if set(names) == set(feeds) else list(feeds)


class PredictRunner(_Connected):
    """A `Runner` over `POST /v1/models/NAME/predict`, which takes files, text or JSON and does everything.

    Args:
        service: Its address is the endpoint's.
    """

    def __init__(self, service: Service) -> None:
        parts = _PREDICT.match(service.path)
        if parts is None:
            raise UsageError(f"'{service.path}' is no predict endpoint")
        super().__init__(service)
        self.name = parts["name"]

    def infer(self, setup: Setup, feeds: Mapping[str, Array]) -> list[Array]:
        """A predict endpoint takes no tensors.

        Raises:
            UsageError: Always.
        """
        raise UsageError("a predict endpoint is asked for answers, not for tensors")

    def answer(self, setup: Setup, payload: Payload) -> Any:
        """One sample; `setup.where["version"]` is sent along.

        Raises:
            ContractViolation: The service refuses this sample, or it cannot be sent.
            Unavailable: It does not answer as it should.
        """
        body, headers = _sent(payload, setup.contract)
        version = setup.where.get("version", "")
        path = self._service.path + (f"?version={quote(version, safe='')}" if version else "")
        answer = self._service.post(path, body, headers).json(self._service.host)
        return _unwrapped(answer)


def _sent(payload: Payload, contract: Contract) -> tuple[bytes, dict[str, str]]:
    """The body for one sample: files and pixels as an upload, text and numbers as JSON."""
    if isinstance(payload, Path):
        try:
            if payload.stat().st_size > _LARGEST_FILE:
                raise ContractViolation(f"'{payload.name}' is larger than {_LARGEST_FILE >> 20} MiB")
            return _upload(payload.name, payload.read_bytes())
        except OSError as error:
            raise ContractViolation(f"'{payload}' cannot be read: {error.strerror}") from error
    if isinstance(payload, bytes):
        return _upload("sample", payload)
    if isinstance(payload, str):
        return _json({"text": payload})
    if isinstance(payload, Mapping):
        return _json({"inputs": {name: np.asarray(each).tolist() for name, each in payload.items()}})
    decodes = next((call for call in contract.preprocess.calls if call.name == "decode_image"), None)
    if decodes is not None and payload.dtype == np.uint8 and payload.ndim in (2, 3):
        return _upload("sample.png", _png(payload, str(decodes.options.get("color", "RGB"))))
    return _json({"inputs": {contract.inputs[0].name: payload.tolist()}})


def _png(pixels: Array, color: str) -> bytes:
    """Pixels in the contract's order of channels as a file, which is RGB by definition."""
    image = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    image = image[:, :, ::-1] if color == "BGR" and image.ndim == 3 else image
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG")
    return buffer.getvalue()


def _json(value: Any) -> tuple[bytes, dict[str, str]]:
    return json.dumps(value, ensure_ascii=False).encode(), {"Content-Type": "application/json"}


def _upload(name: str, data: bytes) -> tuple[bytes, dict[str, str]]:
    """One file as `multipart/form-data`, field `file` (RFC 7578)."""
    boundary = uuid.uuid5(uuid.NAMESPACE_OID, f"{name}:{len(data)}").hex
    while boundary.encode() in data:
        boundary = uuid.uuid5(uuid.NAMESPACE_OID, boundary).hex
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    safe = re.sub(r'[\r\n"\\]', "_", name)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def _unwrapped(answer: Any) -> Any:
    """The answer itself, whatever names services put around it."""
    if isinstance(answer, dict) and set(answer) & {"answer", "prediction", "result"}:
        answer = next(answer[name] for name in ("answer", "prediction", "result") if name in answer)
    if isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], dict):
        answer = answer[0]
    if isinstance(answer, dict) and "top1_class" in answer and "class" not in answer:
        answer = {**answer, "class": answer["top1_class"]}
    return answer
