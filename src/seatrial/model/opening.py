"""From what a person names - a graph, its parameters, a prefix, a folder - to one artifact."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from seatrial import extensions
from seatrial.errors import NotFound, UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact, Operator
from seatrial.model.formats import _pdiparams
from seatrial.model.formats._alien import recognise
from seatrial.model.formats._bytes import is_regular, our_errors
from seatrial.model.formats._format import Format

MAX_LISTED = 10_000
_READS = (
    "Seatrial reads Paddle (.json or .pdmodel with .pdiparams), ONNX, OpenVINO IR, PyTorch (TorchScript, "
    ".pt2), TensorFlow (SavedModel, .keras, .tflite), Paddle Lite, ncnn, MNN, ExecuTorch, and checkpoints "
    "with a .source.yaml for their class"
)
# A file of such a name that no reader knows any more is most likely a damaged graph; but any other
# `.json` is configuration, so that one needs parameters of its name beside it.
_ALWAYS_GRAPH = (".pdmodel", ".onnx", ".nb", ".mnn", ".pte")
_PARTNERS = {".json": ".pdiparams", ".xml": ".bin", ".param": ".bin"}
_PARAMETERS = {".pdiparams": (".json", ".pdmodel"), ".bin": (".xml", ".param"), ".info": ()}


def open_model(path: Path | str) -> Artifact:
    """Reads a model without running it.

    Args:
        path: Graph file, parameters file, prefix without suffix (`dir/inference`), or a folder.

    Returns:
        The artifact. Defects that still leave the model recognisable are in its `problems`.

    Raises:
        NotFound: There is no such file, or no model in the folder.
        UsageError: Two models in one folder, or a file that cannot be read.
        UnsupportedModel: The file is no model that Seatrial reads; the message says what it is.
    """
    named = Path(path)
    with our_errors(named):
        exists = named.exists()
    if not exists:
        return _read(_by_prefix(named))
    if named.is_dir():
        return _read(_in_folder(named))
    if not is_regular(named):
        raise UsageError(f"{named} is a pipe or a device, expected a file or a folder")
    return _read(_graph_of(named))


def operators(artifact: Artifact) -> tuple[Operator, ...]:
    """The operators of a model with their attributes, in the graph's order, control-flow bodies included.

    Raises:
        UnsupportedModel: The format's graph is not read that far (TorchScript).
        ModelError: The graph is damaged; its artifact has a problem that says so.
    """
    chosen = cast("Format", extensions.get("seatrial.model.formats", "FORMAT", artifact.format))
    if chosen.operators is None:
        raise UnsupportedModel(
            f"the operators of {artifact.format} models are not read", hint="convert the model to ONNX"
        )
    return chosen.operators(artifact.graph)


def _formats() -> list[Format]:
    return list(extensions.find("seatrial.model.formats", "FORMAT").values())


def _read(path: Path) -> Artifact:
    """The artifact of one graph file, by content, and by suffix when the content says nothing."""
    with our_errors(path), path.open("rb"):
        pass
    found = _format_of(path)
    if found is not None:
        return found.read(path)
    what, hint = recognise(path) or ("not a model that Seatrial knows", _READS)
    raise UnsupportedModel(f"{path} is {what}", hint=hint)


def _format_of(path: Path) -> Format | None:
    for each in _formats():
        if each.sniff(path):
            return each
    if not _damaged_graph(path):
        return None
    # An empty or overwritten graph: the suffix says what it was. A placeholder is told from damage.
    alien = recognise(path)
    if alien is not None and path.stat().st_size and not _pdiparams.sniff(path):
        return None
    return next((each for each in _formats() if path.suffix.lower() in each.suffixes), None)


def _damaged_graph(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in _ALWAYS_GRAPH:
        return True
    return suffix in _PARTNERS and is_regular(path.with_suffix(_PARTNERS[suffix]))


def _graph_of(path: Path) -> Path:
    """The graph file that belongs to `path`, which may be the parameters file."""
    suffixes = _PARAMETERS.get(path.suffix)
    if suffixes is None:
        return path
    base = path.with_suffix("")
    if path.suffix == ".info":
        return _graph_of(base)
    graphs = [base.with_suffix(each) for each in suffixes if is_regular(base.with_suffix(each))]
    if len(graphs) > 1:
        raise _several(graphs)
    if not graphs and path.suffix == ".pdiparams":
        raise NotFound(
            f"{path} is a parameters file and there is no graph beside it",
            hint=f"put {base.name}.json or {base.name}.pdmodel of the same export into the same folder",
        )
    return graphs[0] if graphs else path


def _by_prefix(prefix: Path) -> Path:
    """The graph file of `dir/inference`."""
    suffixes = [suffix for each in _formats() for suffix in each.suffixes]
    graphs = [path for suffix in suffixes if is_regular(path := prefix.with_name(prefix.name + suffix))]
    if len(graphs) > 1:
        raise _several(graphs)
    if not graphs:
        raise NotFound(
            f"no file, folder or model prefix {prefix}",
            hint=f"looked for {prefix.name} and {prefix.name} with {', '.join(suffixes)}",
        )
    return graphs[0]


def _in_folder(folder: Path) -> Path:
    """The one graph file in a folder."""
    with our_errors(folder):
        files = sorted(path for path in _listing(folder) if is_regular(path))
    _old_layouts(folder, files)
    graphs = [path for path in files if any(each.sniff(path) for each in _formats())]
    graphs = graphs or [path for path in files if _damaged_graph(path)]
    if len(graphs) > 1:
        raise _several(graphs)
    if graphs:
        return graphs[0]
    orphans = [path for path in files if path.suffix == ".pdiparams"]
    if orphans:
        return _graph_of(orphans[0])
    for path in files:
        alien = (
            recognise(path) if path.suffix in (".pdparams", ".pdopt", ".pth", ".pt", ".safetensors") else None
        )
        if alien:
            raise UnsupportedModel(f"{path} is {alien[0]}", hint=alien[1])
    below = sorted({path.parent for path in _listing(folder, deep=True) if _looks_like_a_graph(path)})
    hint = "give one of: " + ", ".join(map(str, below[:8])) if below else _READS
    raise NotFound(f"no model in the folder {folder}", hint=hint)


def _old_layouts(folder: Path, files: Iterable[Path]) -> None:
    names = {path.name for path in files}
    if "__model__" in names:
        raise UnsupportedModel(
            f"{folder} is a model in the layout of Paddle 1: `__model__` and one file a parameter",
            hint="load it with Paddle 2 and save it with paddle.static.save_inference_model",
        )


def _listing(folder: Path, *, deep: bool = False) -> list[Path]:
    """What lies in a folder (and one level below), not more than `MAX_LISTED` entries."""
    found: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            found.append(Path(entry.path))
            if len(found) > MAX_LISTED:
                raise UsageError(
                    f"{folder} has more than {MAX_LISTED:,} files", hint="give the graph file itself"
                )
    if deep:
        for each in [path for path in found if path.is_dir()][:100]:
            try:
                found += _listing(each)
            except (OSError, UsageError):
                continue
    return found


def _looks_like_a_graph(path: Path) -> bool:
    return is_regular(path) and (_damaged_graph(path) or any(each.sniff(path) for each in _formats()))


def _several(graphs: Iterable[Path]) -> UsageError:
    listed = ", ".join(path.name for path in graphs)
    return UsageError(f"more than one model: {listed}", hint="name the graph file you mean")
