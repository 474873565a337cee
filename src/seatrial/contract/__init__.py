"""What goes in and out of a model: specs, pipelines as data, the contract, held-out samples."""

from seatrial.contract.contract import Contract
from seatrial.contract.pipeline import Context, Pipeline, StepCall
from seatrial.contract.sample import HeldOut, Sample
from seatrial.contract.tensor import TensorSpec

__all__ = ["Context", "Contract", "HeldOut", "Pipeline", "Sample", "StepCall", "TensorSpec"]
