"""What lies beside a model: its contract, and a name for it."""

from __future__ import annotations

from pathlib import Path

from seatrial.contract import (
    Contract,
    contract_from_config,
    draft_contract,
    find_config,
    load_contract,
)
from seatrial.errors import NotFound
from seatrial.model.artifact import Artifact
from seatrial.model.bundle import bundle_around

CONTRACT_NAMES = ("contract.yaml", "contract.yml")


def folder_of(artifact: Artifact) -> Path:
    """The folder the model lies in."""
    return artifact.graph.parent


def name_of(artifact: Artifact) -> str:
    """A name for people: the folder's when the file is called `inference` or `model`, else the file's."""
    stem = artifact.graph.stem  # only the last suffix: `cls_v2.0_infer.onnx`
    parent = artifact.graph.resolve().parent
    while stem in {"inference", "model", "__model__", "models"} and parent.name:
        stem, parent = parent.name, parent.parent
    return stem


def contract_of(artifact: Artifact, given: Path | None) -> tuple[Contract, str]:
    """The contract to judge a model by, and one line that says where it comes from.

    Looks, in this order, at the file the user gave, `contract.yaml` beside the model (or one folder up, or in
    the bundle around it), the family's own configuration (`inference.yml` and the like), and the graph alone.

    Raises:
        NotFound: The file given does not exist.
        ContractViolation: The file found is no contract.
    """
    if given is not None:
        if not given.exists():
            raise NotFound(f"no contract at {given}", hint="write one with: seatrial contract init MODEL")
        return load_contract(given), str(given)
    here = folder_of(artifact)
    for folder in (here, here.resolve().parent):
        for name in CONTRACT_NAMES:
            if (folder / name).exists():
                return load_contract(folder / name), str(folder / name)
    bundle = bundle_around(here)
    if bundle is not None:
        return load_contract(bundle.folder / CONTRACT_NAMES[0]), f"of the bundle {bundle.manifest.release}"
    config = find_config(here)
    if config is not None:
        return contract_from_config(
            config, artifact.inputs, artifact.outputs
        ), f"{config} (the model family's own file)"
    return draft_contract(
        artifact.inputs, artifact.outputs, name_of(artifact)
    ), "the graph alone (no contract.yaml found)"
