"""LitServe with batching."""

from __future__ import annotations

from peers._peer import PROGRAMS, Launch, Peer, Setting


def launch(setting: Setting) -> Launch:
    """See `Peer.launch`."""
    return Launch((setting.python, PROGRAMS / "litserve_app.py"), "/predict", "plain")


PEER = Peer(
    "litserve", launch, packages=("litserve==0.2.19", "onnxruntime", "numpy"), distribution="litserve"
)
