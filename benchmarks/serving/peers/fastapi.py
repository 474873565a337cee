"""What teams usually write first: FastAPI and uvicorn around the model, one request after the other."""

from __future__ import annotations

from peers._peer import PROGRAMS, Launch, Peer, Setting


def launch(setting: Setting) -> Launch:
    """See `Peer.launch`."""
    command = (
        setting.python, "-m", "uvicorn", "--app-dir", PROGRAMS, "--host", "127.0.0.1",
        "--port", str(setting.port), "--log-level", "warning", "fastapi_app:app",
    )  # fmt: skip
    return Launch(command, "/predict", "plain")


PEER = Peer(
    "fastapi",
    launch,
    packages=("fastapi", "uvicorn[standard]", "onnxruntime", "numpy"),
    distribution="fastapi",
    anchor=True,
    models=("sim", "tiny", "encoder"),
    serial=True,
)
