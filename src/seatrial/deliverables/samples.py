"""Real samples with what must come of each: what every SDK and every receiver is proved against."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seatrial.contract.cases import npy
from seatrial.contract.sample import Array
from seatrial.deliverables._deliverable import Deliverable, Handover, Item, Vector
from seatrial.deliverables._listing import FOLDER, FORMAT
from seatrial.deliverables._payloads import unpacked
from seatrial.text import Text

REQUEST = "request.json"
MOST_REQUEST = 1 << 20  # bytes of JSON that somebody still sends from a shell

_MEDIA = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".tif": "image/tiff",
    ".webp": "image/webp",
    ".txt": "text/plain",
    ".json": "application/json",
}
_BINARY = "application/octet-stream"
_URL = "http://127.0.0.1:8000/v1/models/{name}/predict"


def _make(handover: Handover) -> Iterator[Item]:
    if not handover.vectors:
        return
    inputs = [each.name for each in handover.contract.inputs]
    outputs = [each.name for each in handover.contract.outputs]
    lines = []
    for vector in handover.vectors:
        payload = f"{vector.name}{vector.suffix}"
        yield _item(payload, vector.payload, _MEDIA.get(vector.suffix, _BINARY))
        feeds = _named(vector.name, "feeds", inputs, vector.feeds)
        results = _named(vector.name, "outputs", outputs, vector.outputs)
        for places, arrays in ((feeds, vector.feeds), (results, vector.outputs)):
            for name, path in places.items():
                yield _item(path, npy(arrays[name]), _BINARY)
        lines.append(
            {
                "name": vector.name,
                "kind": vector.kind,
                "payload": payload,
                "feeds": feeds,
                "outputs": results,
                "answer": vector.answer,
            }
        )
    listing = {"format": FORMAT, "inputs": inputs, "outputs": outputs, "vectors": lines}
    yield _item("vectors.json", _json(listing), "application/json")
    request = request_body(handover)
    if request:
        yield _item(REQUEST, request, "application/json")
    yield _item("README.md", _readme(handover, request=bool(request)).encode(), "text/markdown")


def _item(name: str, content: bytes, media_type: str) -> Item:
    return Item(f"{FOLDER}/{name}", "sample", content, media_type)


def _named(vector: str, what: str, names: list[str], arrays: Mapping[str, Array]) -> dict[str, str]:
    return {name: f"golden/{vector}.{what}.{place}.npy" for place, name in enumerate(names) if name in arrays}


def _json(data: Any) -> bytes:
    return (json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def request_body(handover: Handover) -> bytes:
    """The first sample as a body of the predict endpoint, where a shell cannot send it as it lies."""
    first = handover.vectors[0]
    if first.kind != "array":
        return b""
    payload = unpacked(first.kind, first.suffix, first.payload, handover.contract)
    arrays = payload if isinstance(payload, Mapping) else {handover.contract.inputs[0].name: payload}
    if sum(np.asarray(each).size for each in arrays.values()) * 10 > MOST_REQUEST:
        return b""
    body = json.dumps({"inputs": {name: np.asarray(each).tolist() for name, each in arrays.items()}})
    return body.encode() + b"\n"


def curl(handover: Handover, vector: Vector, *, request: bool) -> str:
    """The line of a shell that asks a server about a sample, in `samples/`; empty when there is none."""
    url = _URL.format(name=handover.name)
    file = f"{vector.name}{vector.suffix}"
    if vector.kind == "image":
        return f"curl -F file=@{file} {url}"
    if vector.kind == "text":
        return f"curl --data-binary @{file} -H 'Content-Type: text/plain; charset=utf-8' {url}"
    if vector.kind == "json":
        return f"curl --json @{file} {url}"
    return f"curl --json @{REQUEST} {url}" if request else ""


def _readme(handover: Handover, *, request: bool) -> str:
    shown = handover.vectors[:1] if request else handover.vectors[:3]
    lines = [line for each in shown if (line := curl(handover, each, request=request))]
    first = handover.vectors[0]
    answer = json.dumps(first.answer, ensure_ascii=False)
    said = answer if len(answer) <= 2000 else answer[:2000] + "..."
    asked = "\n".join(lines)
    parts = [
        f"# Samples of {handover.name} {handover.version}",
        f"{len(handover.vectors)} samples, each with what must come of it on its way: `vectors.json` names "
        "the payload, the arrays that the preprocessing makes of it (`feeds`), what the model gives for "
        "those (`outputs`) and the answer. Arrays are NumPy files: version 1.0, little-endian, C order.",
        f"共 {len(handover.vectors)} 个样本及其各阶段的标准结果：`vectors.json` 列出原始输入、预处理结果"
        "（`feeds`）、模型输出（`outputs`）和最终答案。数组为 NumPy 1.0 格式，小端、C 顺序。",
    ]
    if lines:
        parts += [
            "Serve the bundle with `seatrial serve`, and ask (先用 `seatrial serve` 启动服务，再发送请求):",
            f"```sh\n{asked}\n```",
        ]
    parts += [f"The answer to sample {first.name} (样本 {first.name} 的答案):", f"```json\n{said}\n```"]
    return "\n\n".join(parts) + "\n"


DELIVERABLE = Deliverable(
    name="samples",
    order=50,
    summary=Text("real samples, and what must come of each", "真实样本及其标准结果"),
    make=_make,
)
