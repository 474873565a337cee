"""What goes in and out of a model: specs, pipelines as data, the contract, held-out samples.

Names load with the file that defines them: who reads a contract needs no reader of held-out pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial import lazy

if TYPE_CHECKING:
    from seatrial.contract._held_out_files import digest_of_samples
    from seatrial.contract.cases import Case, Cases, Tolerance, read_cases, write_cases
    from seatrial.contract.config import contract_from_config, find_config
    from seatrial.contract.contract import Contract, draft_contract
    from seatrial.contract.deployment import Deployment
    from seatrial.contract.document import dump_contract, fingerprinted, load_contract, save_contract
    from seatrial.contract.feeds import Batch, check_feeds, collate, scatter
    from seatrial.contract.held_out import feeds_of, read_held_out
    from seatrial.contract.pipeline import Context, Pipeline, StepCall
    from seatrial.contract.sample import HeldOut, Sample
    from seatrial.contract.tensor import TensorSpec

__all__ = [
    "Batch",
    "Case",
    "Cases",
    "Context",
    "Contract",
    "Deployment",
    "HeldOut",
    "Pipeline",
    "Sample",
    "StepCall",
    "TensorSpec",
    "Tolerance",
    "check_feeds",
    "collate",
    "contract_from_config",
    "digest_of_samples",
    "draft_contract",
    "dump_contract",
    "feeds_of",
    "find_config",
    "fingerprinted",
    "load_contract",
    "read_cases",
    "read_held_out",
    "save_contract",
    "scatter",
    "write_cases",
]

_HOMES = {
    "Batch": "feeds",
    "Case": "cases",
    "Cases": "cases",
    "Context": "pipeline",
    "Contract": "contract",
    "Deployment": "deployment",
    "HeldOut": "sample",
    "Pipeline": "pipeline",
    "Sample": "sample",
    "StepCall": "pipeline",
    "TensorSpec": "tensor",
    "Tolerance": "cases",
    "check_feeds": "feeds",
    "collate": "feeds",
    "contract_from_config": "config",
    "digest_of_samples": "_held_out_files",
    "draft_contract": "contract",
    "dump_contract": "document",
    "feeds_of": "held_out",
    "find_config": "config",
    "fingerprinted": "document",
    "load_contract": "document",
    "read_cases": "cases",
    "read_held_out": "held_out",
    "save_contract": "document",
    "scatter": "feeds",
    "write_cases": "cases",
}

__getattr__ = lazy.names(__name__, _HOMES, __all__, "contract")
