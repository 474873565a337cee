"""ONNX Runtime in a loop, without a server: MODEL INPUT WIDTH THREADS SECONDS. Prints JSON."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import onnxruntime

SIZES = (1, 4, 8, 16, 32)


def main(path: str, name: str, width: str, threads: str, seconds: str) -> None:
    """Measures each size for a fifth of the time, in turns, so that a slow moment meets all of them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = int(threads), 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    kind = "int64" if "int64" in session.get_inputs()[0].type else "float32"
    feeds = {size: {name: np.tile(np.arange(1, int(width) + 1), (size, 1)).astype(kind)} for size in SIZES}
    took, rows = dict.fromkeys(SIZES, 0.0), dict.fromkeys(SIZES, 0)
    for size in SIZES:
        session.run(None, feeds[size])
    until = time.perf_counter() + float(seconds)
    while time.perf_counter() < until:
        for size in SIZES:
            begin = time.perf_counter()
            for _ in range(max(1, 32 // size)):
                session.run(None, feeds[size])
                rows[size] += size
            took[size] += time.perf_counter() - begin
    rates = {str(size): rows[size] / took[size] for size in SIZES}
    print(json.dumps({"rps": max(rates.values()), "by_rows": rates, "cpu_s": time.process_time()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
