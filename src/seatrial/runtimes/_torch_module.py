"""Loads PyTorch models of every kind inside a worker: modules by their source, TorchScript, programs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.runtimes._source import SourceError, built, fitted, guarded, inner, told

_EXTRA = "torch"


def load(graph: str, kind: str, scratch: str) -> Any:
    """A model in evaluation mode.

    Args:
        graph: Graph file of the artifact.
        kind: Its format.
        scratch: An empty folder for copies of code.

    Raises:
        SourceError: The source's code or weights are at fault.
    """
    torch: Any = lazy.load("torch", extra=_EXTRA)
    if kind == "torch-exported":
        return torch.export.load(graph).module()
    if kind == "torchscript":
        return torch.jit.load(graph, map_location="cpu").eval()
    # Weights that a class makes itself are the same wherever it is built.
    torch.manual_seed(0)
    source = told(graph)
    if not source.code:
        if not _is_script(source.weights):
            raise SourceError(
                f"{Path(source.weights).name} is no TorchScript archive: name its class in 'code'"
            )
        return torch.jit.load(source.weights, map_location="cpu").eval()
    model = built(graph, source, scratch)
    if not isinstance(model, torch.nn.Module):
        raise SourceError(f"'{source.name}' makes a {type(model).__name__}, expected a torch.nn.Module")
    if source.weights:
        given = _weights(torch, source.weights)
        own = {name: tuple(each.shape) for name, each in model.state_dict().items()}
        fitted(own, {name: tuple(each.shape) for name, each in given.items()})
        model.load_state_dict(given)
    home = Path(scratch) / "source"
    guarded(model.eval, home, f"{source.name}.eval()")
    return model


def _weights(torch: Any, path: str) -> dict[str, Any]:
    if Path(path).suffix == ".safetensors":
        return dict(lazy.load("safetensors.torch", extra=_EXTRA).load_file(path))
    if _is_script(path):
        return dict(torch.jit.load(path, map_location="cpu").state_dict())
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        text = str(error).partition("\n")[0]
        raise SourceError(
            f"{Path(path).name} is not only weights, and nothing of it was executed: {text}"
        ) from error
    return inner(saved, lambda each: isinstance(each, torch.Tensor))


def _is_script(path: str) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in each for each in archive.namelist())
