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
    from seatrial.converters import all_converters, what_it_lacks
    from seatrial.runtimes import all_runtimes
    from seatrial.tools import all_tools

    runtimes = [
        (
            each.name,
            [each.version() or "installed"] if each.available() else [each.summary, each.how_to_get()],
            each.available(),
        )
        for each in all_runtimes().values()
    ]
    _table("Runtimes", runtimes)
    converters = []
    for converter in all_converters().values():
        lacks = what_it_lacks(converter)
        way = f"{' or '.join(converter.sources)} -> {converter.target}"
        converters.append((converter.name, [way, *lacks], not lacks))
    _table("Converters", converters)
    found = [(each, each.find()) for each in all_tools().values()]
    _table(
        "Tools beside",
        [
            (
                tool.name,
                [_where(tool, there)] if there else [tool.summary, f"seatrial doctor {tool.name} | sh -eu"],
                bool(there),
            )
            for tool, there in found
        ],
    )


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


def _table(title: str, rows: list[tuple[str, list[str], bool]]) -> None:
    """A heading and a line for each; what is not there has the reason and the command below it."""
    ready = sum(there for *_, there in rows)
    click.secho(f"{title} ({ready} of {len(rows)} ready)", bold=True)
    width = max(len(name) for name, *_ in rows)
    for name, lines, there in rows:
        click.secho("  yes  " if there else "  no   ", fg="green" if there else "yellow", nl=False)
        click.echo(f"{name:<{width}}  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"       {'':<{width}}    {line}")
