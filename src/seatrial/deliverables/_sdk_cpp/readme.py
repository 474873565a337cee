"""`README.md` of the SDK: five minutes from the folder to the first answer."""

from __future__ import annotations

import json

from seatrial.contract import Contract

_TEMPLATE = """# {name} {version} for C++

Source code, C++17, no library has to be installed: what goes into the model and what comes out of it is done
here exactly as its contract says. Generated; read it, build it into your program, make it anew with the next
version.

## Five minutes

```sh
sudo apt-get install g++ make            # better also: libjpeg62-turbo-dev libcurl4-openssl-dev
make && make test                        # pre- and postprocessing on the golden samples, the HTTP client
make clean
make ONNXRUNTIME_ROOT=/opt/onnxruntime   # the model in this process as well
make ONNXRUNTIME_ROOT=/opt/onnxruntime test
build/single ../../models/onnx/MODEL.onnx ../../samples/PAYLOAD
build/http_client http://127.0.0.1:8000 ../../samples/PAYLOAD
```

`ONNXRUNTIME_ROOT` is a folder with `include/onnxruntime_cxx_api.h` and `lib/libonnxruntime.so`, as ONNX
Runtime's own archives have them; headers may be older than the library. CMake: `cmake -B build
-DONNXRUNTIME_ROOT=...`.

## Use

```cpp
seatrial::Model model("model.onnx");                          // load once; any number of threads may call it
seatrial::Answer answer = model.predict(seatrial::read_payload("sample{suffix}"));
std::cout << answer.json << std::endl;                        // fields: seatrial/answer.hpp

seatrial::Client client("http://127.0.0.1:8000");             // the same over the Open Inference Protocol v2
seatrial::Answer remote = client.predict(seatrial::read_payload("sample{suffix}"));
```

An answer is JSON of this form: `{schema}`

## What is where

| file | what |
|---|---|
| `seatrial/pipeline.cpp` | made from the contract: {steps} |
| `seatrial/steps/` | one file a step |
| `seatrial/names.cpp` | {labels} labels, {vocabulary} tokens |
| `seatrial/model.hpp` | `Model`: ONNX Runtime in this process; `predict`, `predict_batch` |
| `seatrial/client.hpp` | `Client`: HTTP with deadlines, retries after 503 with its `Retry-After` |
| `golden_test.cpp` | proves all of it on `../../samples` |
| `samples/` | one payload, a batch, four threads, HTTP |

## Exactness

Preprocessing is equal to that of the contract up to 2e-6 (bytes: equal; OpenCV's cubic interpolation: at most
1 of 255). JPEG pictures are read through libjpeg(-turbo) where its headers are; another decoder may give
pixels that differ by 1. Boxes around text may differ by one pixel where a corner falls between two. PNG, BMP
and PPM are read without a library; GIF, TIFF, WebP and JPEG 2000 are refused with a message: send them to the
service.

## When something is wrong

Every expected error is a `seatrial::Error` with a message and a `hint()`: `ContractViolation` (the payload
does not fit; the message names the step), `NotFound` (no such file), `Unavailable` (nobody answers in time),
`Refused` (the service or the engine said no). ONNX Runtime's telemetry is switched off.
"""


def readme(contract: Contract, name: str, version: str) -> str:
    """The text.

    Args:
        contract: Of the model.
        name: Of the model.
        version: Of the bundle.
    """
    calls = [f"`{call.name}`" for call in (*contract.preprocess.calls, *contract.postprocess.calls)]
    first = next((call.name for call in contract.preprocess.calls), "")
    suffix = ".png" if first == "decode_image" else ".txt" if first.startswith("tokenize") else ".npy"
    return _TEMPLATE.format(
        name=name,
        version=version,
        suffix=suffix,
        schema=json.dumps(contract.answer_schema, ensure_ascii=False, sort_keys=True),
        steps=", ".join(calls) or "no steps",
        labels=len(contract.labels),
        vocabulary=len(contract.vocabulary),
    )
