"""One run of each kind: a load on a server, clients that go away, an engine alone, reading a tensor."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import timeit
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from environments import SIDE
from generator import METHOD, Target, Window, ask, ask_grpc, schedule
from ideal import of_clients, of_schedule
from loads import SEED, Load
from machine import busy_seconds
from models import DEVICE, MODELS
from peers._peer import PROGRAMS
from running import REALTIME, Running, Wanted, running

from seatrial.serve import v2

OUR_DELAY = 0.005  # seconds: what Seatrial chooses for a device of 14 ms


def measure(server: Running, load: Load, *, repeat: int, seconds: float, warm: float) -> dict[str, Any]:
    """One load on one server, with what the machine did meanwhile."""
    before = server.read()
    began = time.monotonic()
    before_it = REALTIME if server.wanted.realtime else ()
    found = _asked(server, load, Window(seconds, warm, SEED + repeat, before_it))
    wall, after = time.monotonic() - began, server.read()
    used = after.server - before.server
    others = after.machine - before.machine - used - found["client_cpu_s"]
    return {
        "server": server.wanted.name,
        "load": load.name,
        "repeat": repeat,
        **found,
        "seconds": seconds,
        "realtime": server.wanted.realtime,
        "server_cpu_us": used / max(found["sent"], 1) * 1e6,
        "server_mib": server.memory(),
        "foreign_cpus": others / wall,
        "start_seconds": server.start_seconds,
        "batching": server.batching(),
        **_ideal(load, repeat=repeat, seconds=seconds, warm=warm),
    }


def _asked(server: Running, load: Load, window: Window) -> dict[str, Any]:
    if not load.grpc:
        expect = MODELS[load.model].expect
        return ask(load, Target(server.port, server.launch.path, server.body, expect), window)
    if not server.launch.grpc:
        raise NotImplementedError("speaks no gRPC of the protocol")
    return ask_grpc(load, Target(server.launch.grpc, METHOD, grpc_body(load.model)), window)


def _ideal(load: Load, *, repeat: int, seconds: float, warm: float) -> dict[str, float]:
    """What a server that costs nothing would have made of the very same requests."""
    if load.model != "sim":
        return {}
    if not load.share:
        best = of_clients(load.connections, DEVICE, seconds=seconds, delay=OUR_DELAY)
    elif load.share >= 1:
        return {"ideal_rps": DEVICE.capacity}  # latency has no ideal here: it is what the queue may hold
    else:
        due = schedule(load.rate, seed=SEED + repeat, warm=warm, seconds=seconds)
        tried = [
            of_schedule(due, DEVICE, warm=warm, seconds=seconds, delay=each) for each in (0.0, OUR_DELAY)
        ]
        best = min(tried, key=lambda each: each.mean_ms)
    return {"ideal_rps": best.rps, "ideal_mean_ms": best.mean_ms, "ideal_p99_ms": best.p99_ms}


def grpc_body(name: str) -> bytes:
    """A `ModelInferRequest` of one row, tensors raw, field by field (Protocol Buffers, wire format)."""

    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2]) + _varint(len(data)) + data

    model = MODELS[name]
    shape = _varint(1) + _varint(len(model.row))
    tensor = field(1, model.input.encode()) + field(2, model.datatype.encode()) + field(3, shape)
    return field(1, name.encode()) + field(5, tensor) + field(7, model.row.tobytes())


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


CLIENTS = 100
STAY = 0.15  # seconds that a client waits before it is gone
PAUSE = 4.0  # seconds that the server has to run what it will run


def cancelled(wanted: Wanted, *, device: float = 0.2, batch: int = 8) -> dict[str, Any]:
    """Clients that hang up while they wait: rows that the device runs for nobody.

    The device takes 200 ms for any batch, and a batch has 8 rows at most, so that one batch is under way when
    the clients go.
    """
    with tempfile.NamedTemporaryFile("r") as rows:
        told = {"BENCH_BASE": str(device), "BENCH_ROW": "0", "BENCH_ROWS": rows.name}
        with running(replace(wanted, batch=batch, device=told)) as server:
            for _ in range(10):  # some learn how long a batch takes
                server.once()
            time.sleep(1.0)
            before = len(Path(rows.name).read_text("ascii").split())
            head = (
                f"POST {server.launch.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            )
            request = head.encode() + b"Content-Length: %d\r\n\r\n" % len(server.body) + server.body
            gone = []
            for _ in range(CLIENTS):
                gone.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
                gone[-1].sendall(request)
            time.sleep(STAY)
            for each in gone:
                each.close()
            time.sleep(PAUSE)
            ran = [int(each) for each in Path(rows.name).read_text("ascii").split()[before:]]
            serves = server.once(timeout=60.0) is not None
    return {"server": wanted.name, "load": "gone", "repeat": 0, "seconds": PAUSE, "clients": CLIENTS,
            "rows": sum(ran), "batches": ran, "still_serves": serves}  # fmt: skip


def _request(server: Running) -> bytes:
    fields = ("Host: 127.0.0.1", "Content-Type: application/json", f"Content-Length: {len(server.body)}")
    return "\r\n".join([f"POST {server.launch.path} HTTP/1.1", *fields, "", ""]).encode() + server.body


def limit(model: str, *, repeat: int, seconds: float, threads: int, realtime: bool) -> dict[str, Any]:
    """What the engine does in a process of its own that does nothing else: rows a second by batch size."""
    command = [
        *(REALTIME if realtime else ()), sys.executable, str(PROGRAMS / "limit.py"),
        str(SIDE / "models" / model / f"{model}.onnx"), MODELS[model].input, str(len(MODELS[model].row)),
        str(threads), str(seconds),
    ]  # fmt: skip
    before, began = busy_seconds(), time.monotonic()
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    found = orjson.loads(told.stdout)
    foreign = (busy_seconds() - before - found.pop("cpu_s")) / (time.monotonic() - began)
    return {"server": "in process", "load": f"{model}-32", "repeat": repeat, "seconds": seconds, **found,
            "foreign_cpus": foreign, "realtime": realtime}  # fmt: skip


def reading_times(*, repeats: int = 200) -> dict[str, Any]:
    """Microseconds to read one 224 x 224 image tensor of a request: raw, and as JSON."""
    image = np.random.default_rng(SEED).random((1, 3, 224, 224), "float32")
    tensor: dict[str, Any] = {"name": "image", "datatype": "FP32", "shape": list(image.shape)}
    raw = {**tensor, "parameters": {"binary_data_size": image.nbytes}}
    head = orjson.dumps({"inputs": [raw]})
    body = head + image.tobytes()
    listed = orjson.dumps({"inputs": [{**tensor, "data": image.ravel()}]}, option=orjson.OPT_SERIALIZE_NUMPY)

    def microseconds(data: bytes, length: int | None, count: int) -> float:
        times = timeit.repeat(lambda: v2.read_request(data, length), number=1, repeat=count)
        return float(np.median(times) * 1e6)

    return {"server": "seatrial", "load": "image", "repeat": 0, "seconds": 0.0,
            "raw_us": microseconds(body, len(head), repeats),
            "json_us": microseconds(listed, None, repeats // 10)}  # fmt: skip
