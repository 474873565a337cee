"""`seatrial contract`: the written agreement about a model."""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.errors import UsageError


@click.group("contract")
def command() -> None:
    """Write or show the contract: what goes in, what comes out, how it is judged."""


@command.command("init")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="[default: contract.yaml beside the model]"
)
@click.option(
    "--config", type=click.Path(path_type=Path), help="The family's own file, if not beside the model."
)
@click.option("--force", is_flag=True, help="Overwrite an existing contract.")
def init(*, model: Path, out: Path | None, config: Path | None, force: bool) -> None:
    """Write contract.yaml for MODEL from its graph, and from its inference.yml (or kin) when there is one."""
    from seatrial.cli._resolve import folder_of, name_of
    from seatrial.contract import contract_from_config, draft_contract, find_config, save_contract
    from seatrial.model import open_model

    artifact = open_model(model)
    found = config or find_config(folder_of(artifact))
    if found is not None:
        contract = contract_from_config(found, artifact.inputs, artifact.outputs)
        source = f"the graph and {found}"
    else:
        contract = draft_contract(artifact.inputs, artifact.outputs, name_of(artifact))
        source = "the graph alone"
    target = out or folder_of(artifact) / "contract.yaml"
    if target.exists() and not force:
        raise UsageError(
            f"{target} exists already", hint="give another file with -o, or overwrite it with --force"
        )
    save_contract(contract, target)
    click.echo(f"wrote {target} from {source}")
    if found is None:
        click.echo(
            "next: fill in task, preprocess, postprocess and labels; `seatrial list steps` shows the steps"
        )


@command.command("show")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--contract", "given", type=click.Path(path_type=Path), help="[default: found beside the model]"
)
def show(*, model: Path, given: Path | None) -> None:
    """Print the contract that would be used for MODEL, and where it comes from."""
    from seatrial.cli._resolve import contract_of
    from seatrial.contract import dump_contract
    from seatrial.model import open_model

    contract, source = contract_of(open_model(model), given)
    click.echo(f"# from {source}")
    click.echo(dump_contract(contract))
