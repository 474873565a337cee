"""BentoML with adaptive batching; 1.4.40 needs a certificate bundle that no index here has."""

from __future__ import annotations

from peers._peer import PROGRAMS, Launch, Peer, Setting


def launch(setting: Setting) -> Launch:
    """See `Peer.launch`."""
    command = (
        setting.python.parent / "bentoml", "serve", "bentoml_service:Service", "--host", "127.0.0.1",
        "--port", str(setting.port), "--working-dir", PROGRAMS, "--quiet",
    )  # fmt: skip
    quiet = {"BENTOML_DO_NOT_TRACK": "1", "BENTOML_HOME": str(setting.scratch)}
    return Launch(command, "/predict", "plain", environment=quiet)


PEER = Peer("bentoml", launch, packages=("bentoml<1.4.40", "onnxruntime", "numpy"), distribution="bentoml")
