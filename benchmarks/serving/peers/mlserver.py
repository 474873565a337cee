"""MLServer with adaptive batching and one worker process, its default.

uvloop is held back: with 0.22 its workers die at start ("There is no current event loop").
"""

from __future__ import annotations

import json

from peers._peer import PROGRAMS, Launch, Peer, Setting


def launch(setting: Setting) -> Launch:
    """See `Peer.launch`."""
    settings = {
        "host": "127.0.0.1", "http_port": setting.port, "grpc_port": setting.port + 1,
        "metrics_port": setting.port + 2, "debug": False, "parallel_workers": 1,
    }  # fmt: skip
    model = {
        "name": setting.model,
        "implementation": "mlserver_model.Model",
        "max_batch_size": setting.batch,
        "max_batch_time": max(setting.delay, 2.0) / 1e3,
    }
    setting.write("settings.json", json.dumps(settings))
    setting.write("model-settings.json", json.dumps(model))
    command = (setting.python.parent / "mlserver", "start", setting.scratch)
    return Launch(
        command, f"/v2/models/{setting.model}/infer", environment={"PYTHONPATH": str(PROGRAMS)},
        grpc=setting.port + 1,
    )  # fmt: skip


PEER = Peer(
    "mlserver",
    launch,
    packages=("mlserver==1.7.1", "uvloop<0.22", "onnxruntime", "numpy"),
    distribution="mlserver",
)
