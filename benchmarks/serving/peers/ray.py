"""Ray Serve with `@serve.batch` and one replica."""

from __future__ import annotations

from peers._peer import PROGRAMS, Launch, Peer, Setting


def launch(setting: Setting) -> Launch:
    """See `Peer.launch`."""
    environment = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(PROGRAMS), "RAY_DEDUP_LOGS": "0"}
    return Launch((setting.python, PROGRAMS / "ray_app.py"), "/predict", "plain", environment=environment)


PEER = Peer("ray", launch, packages=("ray[serve]==2.60.0", "onnxruntime", "numpy"), distribution="ray")
