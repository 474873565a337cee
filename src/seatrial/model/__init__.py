"""What is carried: a model as its files describe it."""

from seatrial.model.artifact import Artifact, ModelFile, Parameter, Problem

__all__ = ["Artifact", "ModelFile", "Parameter", "Problem"]
