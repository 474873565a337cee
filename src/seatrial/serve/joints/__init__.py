"""What stands between the models of a pipeline: one file a joint, found by its lying here."""

from seatrial.serve.joints._joint import Joint

__all__ = ["Joint"]
