"""What runs a model: engines, each in a process of its own."""

from seatrial.runtimes._session import Exercise, OperatorOutput, Resources, Session, SessionOptions

__all__ = ["Exercise", "OperatorOutput", "Resources", "Session", "SessionOptions"]
