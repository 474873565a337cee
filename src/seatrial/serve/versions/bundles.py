"""A bundle as it is served: verified, and one of its models chosen; a sealed one is opened in memory only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seatrial.contract import Contract, load_contract
from seatrial.errors import UnsupportedModel, UsageError
from seatrial.model import Artifact
from seatrial.model.beside import CONTRACT_NAMES
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.model.manifest import ModelEntry
from seatrial.runtimes import runnable
from seatrial.serve.versions.tuned import preferred_runtime
from seatrial.trust.sealing import is_sealed
from seatrial.trust.unsealing import unseal

# The content key of a sealed bundle, or an error that says why there is none for this server.
Opener = Callable[[Bundle], bytes]


def _nothing() -> None:
    """What there is to give back of a model that lies on a disk."""


@dataclass(frozen=True)
class Opened:
    """A version that was opened.

    Attributes:
        artifact: Its model.
        contract: What goes in and out.
        source: Where the contract comes from.
        release: Gives back what holds the model, once its engines have ended: memory of a sealed one.
    """

    artifact: Artifact
    contract: Contract
    source: str
    release: Callable[[], None] = _nothing


def open_served(folder: Path, runtime: str, opener: Opener | None = None) -> Opened:
    """The model of a bundle that is to be served.

    Args:
        folder: Of the bundle.
        runtime: That is to run it; `auto`: the first of its models for which one is installed.
        opener: Gives the content keys of sealed bundles; None: they are not served.

    Raises:
        TrustError: The bundle is not what its manifest says, or is not for this server.
        UnsupportedModel: No runtime here runs one of its models.
        UsageError: It is sealed, and there is nothing to open it with.
    """
    bundle = open_bundle(folder)
    source = f"of the bundle {bundle.manifest.release}"
    if is_sealed(bundle.manifest):
        return _unsealed(bundle, runtime, opener, f"{source}, unsealed in memory")
    bundle.verify()
    contract = load_contract(folder / CONTRACT_NAMES[0])
    return Opened(bundle.artifact(_chosen(bundle, contract, runtime)), contract, source)


def _chosen(bundle: Bundle, contract: Contract, runtime: str) -> ModelEntry:
    """The model that was asked for; else that of the contract's deployment profile, if it runs here."""
    try:
        return runnable(bundle, preferred_runtime(contract, runtime))
    except UnsupportedModel:
        return runnable(bundle, runtime)


def _unsealed(bundle: Bundle, runtime: str, opener: Opener | None, source: str) -> Opened:
    if opener is None:
        raise UsageError(
            f"{bundle.manifest.release} is sealed", hint="give --unseal-key CUSTOMER.key, or a license"
        )
    # The contract lies open beside the sealed models; what was unsealed is compared with the manifest.
    contract = load_contract(bundle.folder / CONTRACT_NAMES[0])
    formats = [_chosen(bundle, contract, runtime).format]
    held = unseal(bundle, opener(bundle), formats=formats)
    try:
        artifact = held.bundle.artifact(held.bundle.model(*formats))
        contract = load_contract(held.folder / CONTRACT_NAMES[0])
    except BaseException:
        held.close()
        raise
    return Opened(artifact, contract, source, held.close)
