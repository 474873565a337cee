"""The child of the converters from PyTorch: `python -m seatrial.converters._torch_export REQUEST ANSWER`."""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
import types
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters._answering import Refused, answer

_LARGEST_IN_ONE_FILE = 1900 << 20
_FREE_SIDE, _FREE_STEPS, _BATCH = 64, 12, 2


def _convert(request: Mapping[str, Any]) -> dict[str, Any]:
    torch: Any = lazy.load("torch", extra="torch")
    from seatrial.runtimes import _torch_module

    with tempfile.TemporaryDirectory(prefix="seatrial-source-") as scratch:
        model = _torch_module.load(request["graph"], request["format"], scratch)
        example = _example(torch, request["inputs"])
        try:
            told = {
                "onnx": _to_onnx,
                "torchscript": _to_script,
                "torch-exported": _to_program,
            }[request["to"]](torch, model, example, request)
        except Refused:
            raise
        except Exception as error:
            raise Refused(_reason(error, scratch), hint=_hint(error)) from error
    return {"version": str(torch.__version__), **told}


def _example(torch: Any, inputs: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    """One batch of zeros and ones: two rows, since a batch of one would be taken for a constant."""
    made = []
    for spec in inputs:
        free = _FREE_SIDE if len(spec["shape"]) == 4 else _FREE_STEPS
        shape = [
            each if isinstance(each, int) else _BATCH if axis == 0 else free
            for axis, each in enumerate(spec["shape"])
        ]
        dtype = getattr(torch, spec["dtype"])
        generator = torch.Generator().manual_seed(0)
        value = torch.rand(shape, generator=generator) if dtype.is_floating_point else torch.ones(shape)
        made.append(value.to(dtype))
    return tuple(made)


def _axes(torch: Any, inputs: Sequence[Mapping[str, Any]]) -> tuple[dict[int, Any], ...]:
    """The free dimensions of each input; one name is one size."""
    dims: dict[str, Any] = {}
    found = []
    for spec in inputs:
        free = {}
        for axis, each in enumerate(spec["shape"]):
            if isinstance(each, str):
                free[axis] = dims.setdefault(each, torch.export.Dim(each))
            elif each is None:
                free[axis] = torch.export.Dim.DYNAMIC
        found.append(free)
    return tuple(found)


def _named(model: Any, inputs: Sequence[Mapping[str, Any]]) -> None:
    """Gives forward() the names of the inputs: an exported graph takes them from there."""
    names = [spec["name"] for spec in inputs]
    # One that is no word cannot be a parameter's name.
    if not all(name.isidentifier() for name in names):
        return
    plain = model.forward

    def forward(_: Any, *arguments: Any) -> Any:
        return plain(*arguments)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(each, kind) for each in ("self", *names)]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    model.forward = types.MethodType(forward, model)


def _exported(torch: Any, model: Any, example: tuple[Any, ...], request: Mapping[str, Any]) -> Any:
    if request["format"] == "torch-exported":
        return torch.export.load(request["graph"])
    inputs = request["inputs"]
    _named(model, inputs)
    return torch.export.export(model, example, dynamic_shapes=_axes(torch, inputs))


def _to_program(
    torch: Any, model: Any, example: tuple[Any, ...], request: Mapping[str, Any]
) -> dict[str, Any]:
    program = _exported(torch, model, example, request)
    for each in program.graph_module.modules():
        for node in getattr(getattr(each, "graph", None), "nodes", ()):
            # Where the code lay on this machine is nobody's business, and would change the file's digest.
            node.meta.pop("stack_trace", None)
    torch.export.save(program, request["target"])
    return {"nodes": len(program.graph.nodes)}


def _to_script(
    torch: Any, model: Any, example: tuple[Any, ...], request: Mapping[str, Any]
) -> dict[str, Any]:
    script, how = _scripted(torch, model, example)
    told = {key: request[key] for key in ("inputs", "outputs")}
    extra = {"seatrial.json": json.dumps(told, sort_keys=True)}
    whole = Path(request["target"] + ".whole")
    torch.jit.save(script, str(whole), _extra_files=extra)
    _without_places(whole, Path(request["target"]))
    whole.unlink()
    return {"how": how}


def _without_places(whole: Path, target: Path) -> None:
    """The archive without what says where on this machine its code lay; that is for error messages only."""
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(target, "w") as result:
        for each in source.infolist():
            if each.filename.endswith(".debug_pkl") or "/.data/" in each.filename:
                continue
            entry = zipfile.ZipInfo(each.filename, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = each.compress_type
            result.writestr(entry, source.read(each))


def _scripted(torch: Any, model: Any, example: tuple[Any, ...]) -> tuple[Any, str]:
    """By tracing; by compiling where a trace would freeze a decision that depends on the data."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        traced = torch.jit.trace(model, example, check_trace=False)
    frozen = [each for each in caught if issubclass(each.category, torch.jit.TracerWarning)]
    if not frozen:
        return traced, "traced"
    try:
        return torch.jit.script(model), "scripted"
    except Exception as error:
        frozen_at = str(frozen[0].message).partition(".")[0]
        said = str(error).strip().partition("\n")[0]
        raise Refused(
            f"a trace would freeze what depends on data ({frozen_at}), and it cannot be compiled: {said}",
            hint="write the branch with torch.where or torch.cond, or annotate it for torch.jit.script",
        ) from error


def _to_onnx(torch: Any, model: Any, example: tuple[Any, ...], request: Mapping[str, Any]) -> dict[str, Any]:
    names = {"input_names": [spec["name"] for spec in request["inputs"]]}
    if request["outputs"]:
        names["output_names"] = request["outputs"]
    onnx_export: Any = lazy.load("torch.onnx", extra="torch")
    size = sum(each.numel() * each.element_size() for each in model.state_dict().values())
    if hasattr(model, "inlined_graph"):
        how = "the TorchScript exporter"
        free = {
            spec["name"]: {
                axis: each or f"{spec['name']}_{axis}"
                for axis, each in enumerate(spec["shape"])
                if not isinstance(each, int)
            }
            for spec in request["inputs"]
        }
        onnx_export.export(
            model,
            example,
            request["target"],
            dynamo=False,
            opset_version=request["opset"],
            dynamic_axes=free,
            **names,
        )
    else:
        how = "the exporter of programs"
        program = _exported(torch, model, example, request)
        made = onnx_export.export(
            program, dynamo=True, opset_version=request["opset"], verbose=False, **names
        )
        made.save(request["target"], external_data=size > _LARGEST_IN_ONE_FILE)
    return {"how": how, **_cleaned(request)}


def _cleaned(request: Mapping[str, Any]) -> dict[str, Any]:
    """Takes traces of this machine out of the file and says what it was made from."""
    onnx: Any = lazy.load("onnx", extra="convert")
    model = onnx.load(request["target"], load_external_data=False)
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        del graph.metadata_props[:]
        graph.doc_string = ""
        for each in (*graph.node, *graph.value_info):
            del each.metadata_props[:]
            each.doc_string = ""
    for each in (*model.graph.input, *model.graph.output):
        del each.metadata_props[:]
    for each in model.graph.initializer:
        del each.metadata_props[:]
    _name_batch(model.graph, request["inputs"])
    del model.metadata_props[:]
    model.doc_string = ""
    for key, value in request["metadata"].items():
        model.metadata_props.add(key=key, value=value)
    model.ir_version = min(model.ir_version, 10)
    onnx.save(model, request["target"])
    onnx.checker.check_model(request["target"], full_check=True)
    return {"nodes": len(model.graph.node)}


def _name_batch(graph: Any, inputs: Sequence[Mapping[str, Any]]) -> None:
    """Free dimensions get the names that the source gives them, wherever the symbol recurs."""
    wishes: dict[str, str] = {}
    told = {spec["name"]: spec["shape"] for spec in inputs}
    for each in graph.input:
        for dim, wish in zip(each.type.tensor_type.shape.dim, told.get(each.name, ()), strict=False):
            if dim.dim_param and isinstance(wish, str):
                wishes.setdefault(dim.dim_param, wish)
    for each in (*graph.input, *graph.output, *graph.value_info):
        for dim in each.type.tensor_type.shape.dim:
            if dim.dim_param in wishes:
                dim.dim_param = wishes[dim.dim_param]


def _reason(error: Exception, scratch: str) -> str:
    """The first sentence of the cause, and the line of the source that it names."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = [each.strip() for each in str(cause).splitlines() if each.strip()]
    said = lines[0] if lines else ""
    places = [each for text in (str(error), str(cause)) for each in text.splitlines() if scratch in each]
    place = ""
    if places:
        file, _, rest = places[-1].rpartition(scratch)[2].partition('"')
        number = rest.partition("line ")[2].partition(",")[0]
        place = f" ({Path(file.partition(':')[0]).name}{f' line {number}' if number else ''})"
    return f"forward() cannot be exported{place}: {type(cause).__name__}: {said[:600]}"


def _hint(error: Exception) -> str:
    text = str(error)
    if "data-dependent" in text or "GuardOnDataDependent" in text or "DataDependent" in type(error).__name__:
        return "write the branch on data with torch.where or torch.cond; shapes must not depend on values"
    if "Constraints violated" in text or "dynamic_shapes" in text or "specializ" in text:
        return "a dimension that the source names as free is fixed in the code: give its number in 'inputs'"
    return "check that the inputs' shapes and dtypes are those that forward() expects"


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _convert))
