"""From a model family's own configuration to a contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial import extensions
from seatrial.contract.contract import Contract
from seatrial.contract.document import fingerprinted
from seatrial.contract.readers._config import Config, Reader
from seatrial.contract.tensor import TensorSpec
from seatrial.contract.yaml_source import parse, read_text
from seatrial.errors import ContractViolation, UsageError

NAMES = (
    "inference.yml",
    "inference.yaml",
    "infer_cfg.yml",
    "deploy.yaml",
    "deploy.yml",
    "inference_cls.yaml",
)


def find_config(folder: Path) -> Path | None:
    """The configuration that lies beside a model, or None.

    Raises:
        UsageError: There are several: which one is meant cannot be guessed.
    """
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise UsageError(
            f"'{folder}' holds several configurations: {', '.join(each.name for each in found)}",
            hint="name the one that is meant with --config",
        )
    return found[0] if found else None


def contract_from_config(path: Path, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Contract:
    """The contract that a family's configuration and the graph describe together.

    Args:
        path: `inference.yml`, `infer_cfg.yml`, `deploy.yaml` or `inference_cls.yaml`; known by its content.
        inputs: Of the graph.
        outputs: Of the graph.

    Raises:
        NotFound: There is no such file.
        ContractViolation: No family's file, an operation or option that is not known here, or one that
            does not fit the graph. The message names it and the file.
    """
    # PyYAML writes anchors for shared shapes into these files, so aliases are allowed here.
    data = parse(read_text(path), path.name, aliases=True).data
    if not isinstance(data, Mapping):
        raise ContractViolation(f"{path.name} holds no names and values")
    readers: dict[str, Reader] = extensions.find("seatrial.contract.readers", "READER")
    reader = next((each for each in readers.values() if each.sniff(data)), None)
    if reader is None:
        raise ContractViolation(
            f"{path.name} is not known here; it holds: {', '.join(map(str, list(data)[:8]))}",
            hint="known are: " + "; ".join(each.summary for each in readers.values()),
        )
    try:
        contract = reader.read(Config(path, data, tuple(inputs), tuple(outputs)))
    except ContractViolation as error:
        raise ContractViolation(f"{path.name} ({reader.name}): {error.message}", hint=error.hint) from error
    for stage, pipeline in (("preprocess", contract.preprocess), ("postprocess", contract.postprocess)):
        for call in pipeline.calls:
            call.check(stage)
    return fingerprinted(contract)
