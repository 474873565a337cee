"""A bundle as it is served: verified, and one of its models chosen."""

from __future__ import annotations

from pathlib import Path

from seatrial.contract import Contract, load_contract
from seatrial.errors import UnsupportedModel
from seatrial.model import Artifact
from seatrial.model.beside import CONTRACT_NAMES
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.runtimes import available_runtimes


def open_served(folder: Path, runtime: str) -> tuple[Artifact, Contract, str]:
    """The model of a bundle that is to be served, its contract, and where that comes from.

    Args:
        folder: Of the bundle.
        runtime: That is to run it; `auto`: the first of its models for which one is installed.

    Raises:
        TrustError: The bundle is not what its manifest says.
        UnsupportedModel: No runtime here runs one of its models.
    """
    bundle = open_bundle(folder)
    bundle.verify()
    artifact = _chosen(bundle, runtime)
    return artifact, load_contract(folder / CONTRACT_NAMES[0]), f"of the bundle {bundle.manifest.release}"


def _chosen(bundle: Bundle, runtime: str) -> Artifact:
    for entry in bundle.manifest.models:
        artifact = bundle.artifact(entry)
        installed = available_runtimes(artifact)
        if runtime in installed or (runtime == "auto" and installed):
            return artifact
    there = ", ".join(each.format for each in bundle.manifest.models)
    wanted = "no runtime" if runtime == "auto" else runtime
    raise UnsupportedModel(
        f"{wanted} is installed here that runs {bundle.manifest.release}, which has: {there}",
        hint="pip install 'seatrial[onnx]', or the extra of another of its formats",
    )
