"""`seatrial quantize`: smaller and, where the hardware has it, faster - with the price measured."""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli._resolve import contract_of
from seatrial.cli._share import share

# Integers that are scaled at run time need no samples but those that latency is measured on.
_CALIBRATION = {"static": 128, "qat": 128, "fp16": 16, "dynamic": 8}


@click.command("quantize")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--mode",
    type=click.Choice(["static", "dynamic", "fp16", "qat"]),
    default="static",
    show_default=True,
    help="static: integers, scales from real samples; dynamic: integer weights only; fp16: half the size; "
    "qat: trained for it by --finetune.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Labelled samples that set the scales; without --held-out some of them judge instead.",
)
@click.option("--held-out", type=click.Path(path_type=Path), help="Labelled samples that judge.")
@click.option(
    "--max-drop",
    callback=share,
    default="1%",
    show_default=True,
    help="What the mean score may lose, absolute.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="[default: MODEL's folder-MODE]")
@click.option(
    "--tool",
    type=click.Choice(["onnxruntime", "openvino", "paddle"]),
    help="Who quantizes [default: what fits the model's format].",
)
@click.option(
    "--calibration",
    type=click.Choice(["minmax", "entropy", "percentile"]),
    default="minmax",
    show_default=True,
    help="How the range of an activation is chosen.",
)
@click.option("--per-tensor", is_flag=True, help="One scale for a whole weight instead of one a channel.")
@click.option(
    "--full-range",
    is_flag=True,
    help="Weights of 8 bits instead of 7: a little finer, but processors without VNNI answer otherwise.",
)
@click.option(
    "--sensitivity", is_flag=True, help="Measure what each layer costs, also where nothing is lost."
)
@click.option(
    "--finetune", type=click.Path(path_type=Path), help="Training script for --mode qat; see the how-to."
)
@click.option(
    "--accept-unproved",
    is_flag=True,
    help="Deliver also when the samples are too few to prove the drop, as long as no more is seen.",
)
@click.option(
    "--contract", "given", type=click.Path(path_type=Path), help="[default: found beside the model]"
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Folder for quantization.html and .json [default: in the result's folder, if there is a result]",
)
@click.option("--minutes", type=click.FloatRange(0.1), default=10.0, show_default=True, help="For searching.")
@click.option("--seed", type=int, default=7, show_default=True)
@click.pass_context
def command(
    context: click.Context,
    *,
    model: Path,
    mode: str,
    data: Path,
    held_out: Path | None,
    max_drop: float,
    out: Path | None,
    tool: str | None,
    calibration: str,
    per_tensor: bool,
    full_range: bool,
    sensitivity: bool,
    finetune: Path | None,
    accept_unproved: bool,
    given: Path | None,
    report: Path | None,
    minutes: float,
    seed: int,
) -> None:
    """Quantize MODEL and judge the result on samples that set no scale.

    It is delivered only when its accuracy is surely (95 %) within --max-drop of the source's; the layers
    that cost most are left in float until that holds. Exit code 1, and nothing written, when it does not.
    """
    from seatrial.cli._quantize_document import write_document
    from seatrial.cli._quantize_text import lines
    from seatrial.contract import read_held_out
    from seatrial.errors import UsageError
    from seatrial.model import open_model
    from seatrial.tune import Recipe, quantize, split

    if mode == "qat" and finetune is None:
        raise UsageError("quantization-aware training needs a script", hint="name it with --finetune")
    artifact = open_model(model)
    parent = artifact.graph.resolve().parent
    folder = out or parent.with_name(f"{parent.name}-{mode}")
    contract, _ = contract_of(artifact, given)
    recipe = Recipe(
        mode=mode,
        tool=tool or "",
        calibration=calibration,
        per_channel=not per_tensor,
        reduce_range=not full_range,
        max_drop=max_drop,
        allow_unproved=accept_unproved,
        sensitivity=sensitivity,
        finetune=finetune,
        training_data=str(data.resolve()),
        seconds=60 * minutes,
        seed=seed,
    )
    samples = read_held_out(data, contract=contract)
    others = read_held_out(held_out, contract=contract) if held_out else None
    found = quantize(
        artifact,
        contract,
        split(samples, others, most=_CALIBRATION[mode], seed=seed),
        recipe,
        folder,
        progress=lambda text: click.echo(f"  {text}", err=True),
    )
    for line in lines(found):
        click.echo(line)
    place = report or (folder if found.delivered else None)
    if place is not None:
        for path in write_document(found, place):
            click.echo(f"wrote {path}")
    if found.delivered is None:
        context.exit(1)
