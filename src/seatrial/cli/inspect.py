"""`seatrial inspect`: what is this model? Reads the files, runs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from seatrial.contract.tensor import Dimension, TensorSpec


@click.command("inspect")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
@click.option("--parameters", "all_parameters", is_flag=True, help="List every parameter.")
def command(*, model: Path, as_json: bool, all_parameters: bool) -> int:
    """Say what MODEL is: format, version, inputs, outputs, parameters, operators, size, digest.

    MODEL is a graph file, a parameters file, a prefix without suffix, or a folder with one model. It is
    read by Seatrial's own parsers; no engine is started. Exits with 3 when the files are defective.
    """
    from seatrial.model import open_model

    artifact = open_model(model)
    data = _data(artifact, all_parameters=all_parameters)
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        _print(data, all_parameters=all_parameters)
    return 3 if artifact.problems else 0


def _data(artifact: Any, *, all_parameters: bool) -> dict[str, Any]:
    count = 0
    for each in artifact.parameters:
        size = 1
        for dimension in each.shape:
            size *= dimension
        count += size
    return {
        "path": str(artifact.path),
        "format": artifact.format,
        "version": artifact.version,
        "digest": artifact.digest,
        "size": artifact.size,
        "files": [{"name": each.path.name, "role": each.role, "size": each.size} for each in artifact.files],
        "inputs": [_spec(each) for each in artifact.inputs],
        "outputs": [_spec(each) for each in artifact.outputs],
        "tensors": len(artifact.parameters),
        "parameters": count,
        "parameter_list": [
            {"name": each.name, "dtype": each.dtype, "shape": list(each.shape), "nbytes": each.nbytes}
            for each in artifact.parameters
        ]
        if all_parameters
        else [],
        "operators": dict(sorted(artifact.operators.items(), key=lambda item: (-item[1], item[0]))),
        "metadata": dict(artifact.metadata),
        "problems": [
            {"code": each.code, "message": each.message, "where": each.where, "hint": each.hint}
            for each in artifact.problems
        ],
    }


def _spec(spec: TensorSpec) -> dict[str, Any]:
    bounds = {key: value for key, value in (("low", spec.low), ("high", spec.high)) if value is not None}
    return {
        "name": spec.name,
        "dtype": spec.dtype,
        "shape": list(spec.shape),
        "layout": spec.layout,
        **bounds,
    }


def _print(data: dict[str, Any], *, all_parameters: bool) -> None:
    def row(label: str, text: str) -> None:
        click.secho(f"{label:<12}", bold=True, nl=False)
        click.echo(text)

    row("model", data["path"])
    row("format", f"{data['format']}, {data['version']}")
    row("digest", data["digest"])
    files = ", ".join(
        f"{each['name']} ({human_size(each['size'])}, {each['role']})" for each in data["files"]
    )
    row("files", files)
    for kind in ("inputs", "outputs"):
        for place, spec in enumerate(data[kind]):
            row(kind[:-1] + f" {place}", describe(spec))
    row("parameters", f"{data['parameters']:,} in {data['tensors']} tensors")
    operators = list(data["operators"].items())
    shown = ", ".join(f"{name} x{count}" for name, count in operators[:12])
    more = f" and {len(operators) - 12} kinds more (--json)" if len(operators) > 12 else ""
    row("operators", f"{sum(data['operators'].values())}: {shown}{more}")
    for key, value in data["metadata"].items():
        row("", f"{key}: {value}")
    if all_parameters:
        for each in data["parameter_list"]:
            row("", f"{each['name']}  {each['dtype']} {each['shape']}")
    for problem in data["problems"]:
        click.secho(f"{'problem':<12}", fg="red", bold=True, nl=False)
        click.echo(f"{problem['message']} [{problem['code']}, {problem['where']}]")
        if problem["hint"]:
            row("", f"what to do: {problem['hint']}")
    if not data["problems"]:
        row("files read", "to the last byte, no defect seen")


def describe(spec: dict[str, Any]) -> str:
    """One tensor in one line: `image  float32 [?, 1, 8, 8]  NCHW`."""
    shape = ", ".join(_dimension(each) for each in spec["shape"])
    bounds = (
        f"  in {spec.get('low', '-inf')}..{spec.get('high', 'inf')}" if {"low", "high"} & set(spec) else ""
    )
    return f"{spec['name']}  {spec['dtype']} [{shape}]  {spec['layout']}{bounds}".rstrip()


def _dimension(dimension: Dimension) -> str:
    return "?" if dimension is None else str(dimension)


def human_size(size: float) -> str:
    """Bytes for people: `154.3 kB`, `10.8 MB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
