"""What a peer's server runs: the simulated device or an ONNX model. Runs in the peer's own environment.

Told by the environment: BENCH_MODEL (`sim`, `tiny`, `encoder`), BENCH_FOLDER (where the ONNX files lie),
BENCH_INPUT, BENCH_THREADS, BENCH_BASE and BENCH_ROW (seconds of the simulated device), BENCH_ROWS (a file
that gets one line with the rows of each batch that was run).
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import numpy as np

MODEL = os.environ["BENCH_MODEL"]
BATCH = int(os.environ.get("BENCH_BATCH", "32"))
DELAY = float(os.environ.get("BENCH_DELAY", "0"))  # milliseconds
PORT = int(os.environ.get("BENCH_PORT", "0"))
DTYPE = "int64" if MODEL == "encoder" else "float32"


class Engine:
    """Takes a batch of rows and gives a batch of rows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base, self._row = float(os.environ["BENCH_BASE"]), float(os.environ["BENCH_ROW"])
        self._rows = os.environ.get("BENCH_ROWS", "")
        self._session: Any = None
        if MODEL != "sim":
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1"))
            options.inter_op_num_threads = 1
            path = os.path.join(os.environ["BENCH_FOLDER"], MODEL, f"{MODEL}.onnx")  # noqa: PTH118 - as the peers
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, rows: Any) -> Any:
        """Rows of the output."""
        array = np.asarray(rows, dtype=DTYPE)
        if self._rows:
            with open(self._rows, "a") as file:  # noqa: PTH123 - short, as it stands in every batch
                file.write(f"{len(array)}\n")
        if self._session is not None:
            return self._session.run(None, {os.environ["BENCH_INPUT"]: array})[0]
        with self._lock:  # one device: one batch at a time
            time.sleep(self._base + self._row * len(array))
        return array[:, :1]
