"""`seatrial doctor`: what is on this machine, and how the rest is got."""

from __future__ import annotations

import shlex

import click

from seatrial.tools import Found, Tool


@click.command("doctor")
@click.argument("tool", required=False)
def command(*, tool: str | None) -> None:
    """Say which engines, converters and tools are on this machine; of one TOOL, print how to get it.

    What cannot stand in one environment with the rest (another Python, another processor, a browser) lies
    beside it. The recipe of a tool is a shell script: read it, then pipe it to `sh -eu`.
    """
    if tool:
        _recipe(tool)
        return
    from seatrial import extensions
    from seatrial.runtimes import all_runtimes
    from seatrial.tools import all_tools

    click.secho("Runtimes", bold=True)
    for runtime in all_runtimes().values():
        _line(runtime.name, runtime.version() or "there", runtime.how_to_get(), there=runtime.available())
    click.secho("Converters", bold=True)
    for converter in extensions.find("seatrial.converters", "CONVERTER").values():
        _line(converter.name, "there", converter.how_to_get(), there=converter.available())
    click.secho("Tools beside", bold=True)
    for each in all_tools().values():
        found = each.find()
        _line(each.name, _where(each, found), f"seatrial doctor {each.name} | sh -eu", there=bool(found))


def _recipe(name: str) -> None:
    from seatrial import extensions
    from seatrial.tools import side_folder

    tool: Tool = extensions.get("seatrial.tools", "TOOL", name)
    click.echo(f"# {tool.name}: {tool.summary} ({tool.license}, {tool.size} on disk)")
    if tool.variable:
        click.echo(f"# or name one that is there already: {tool.variable}=...")
    click.echo(f"SIDE={shlex.quote(str(side_folder()))}")
    click.echo('mkdir -p "$SIDE"')
    click.echo(tool.recipe.strip())


def _where(tool: Tool, found: Found | None) -> str:
    if found is None:
        return ""
    return f"{found.version or 'there'}: {tool.summary}"


def _line(name: str, state: str, get: str, *, there: bool) -> None:
    click.secho("  yes  " if there else "  no   ", fg="green" if there else "yellow", nl=False)
    click.echo(f"{name:<24} {state if there else get}")
