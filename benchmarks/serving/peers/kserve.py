"""KServe's Python model server. Its batcher is a side-car of Kubernetes, so here it answers one by one."""

from __future__ import annotations

from peers._peer import PROGRAMS, Launch, Peer, Setting


def launch(setting: Setting) -> Launch:
    """See `Peer.launch`."""
    command = (
        setting.python, PROGRAMS / "kserve_app.py", "--http_port", str(setting.port), "--grpc_port",
        str(setting.port + 1), "--workers", "1",
    )  # fmt: skip
    return Launch(command, f"/v2/models/{setting.model}/infer", grpc=setting.port + 1)


PEER = Peer(
    "kserve",
    launch,
    packages=("kserve==0.21.0", "onnxruntime", "numpy"),
    distribution="kserve",
    serial=True,
)
