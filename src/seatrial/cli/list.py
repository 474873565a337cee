"""`seatrial list`: what can be extended, and what is installed."""

from __future__ import annotations

from typing import Any

import click

from seatrial import extensions

ROOMS = {
    "checks": ("seatrial.checks", "CHECK"),
    "runtimes": ("seatrial.runtimes", "RUNTIME"),
    "converters": ("seatrial.converters", "CONVERTER"),
    "steps": ("seatrial.contract.steps", "STEP"),
    "formats": ("seatrial.model.formats", "FORMAT"),
    "hypotheses": ("seatrial.diagnosis.hypotheses", "HYPOTHESIS"),
    "readers": ("seatrial.contract.readers", "READER"),
    "faults": ("seatrial.faults", "FAULT"),
    "joints": ("seatrial.serve.joints", "JOINT"),
    "tools": ("seatrial.tools", "TOOL"),
    "deliverables": ("seatrial.deliverables", "DELIVERABLE"),
}


@click.command("list")
@click.argument("room", type=click.Choice([*ROOMS, "profiles"]))
def command(*, room: str) -> None:
    """List what lies in ROOM, plug-ins included."""
    if room == "profiles":
        from seatrial.checks import load_profile, profile_names

        rows = [
            (name, "requires " + ", ".join(sorted(load_profile(name).required))) for name in profile_names()
        ]
    else:
        found = sorted(
            extensions.find(*ROOMS[room]).values(), key=lambda each: (getattr(each, "order", 0), each.name)
        )
        rows = [(each.name, _line(room, each)) for each in found]
    width = max(len(name) for name, _ in rows)
    for name, line in rows:
        click.secho(f"{name:<{width}}  ", bold=True, nl=False)
        click.echo(line)


def _line(room: str, extension: Any) -> str:
    if room == "checks":
        return f"{extension.question.en} ({', '.join(extension.promises)})"
    if room == "runtimes":
        state = f"installed, {extension.version()}" if extension.available() else "not installed"
        return f"{extension.summary} [{state}]"
    if room == "converters":
        return _converter(extension)
    if room == "steps":
        return f"{extension.summary} [{extension.stage}]"
    if room == "faults":
        number = f"{extension.number} " if extension.number else ""
        return f"{number}{extension.title.en} [{extension.kind}; {', '.join(sorted(extension.checks))}]"
    if room == "hypotheses":
        return f"{extension.question.en} [{extension.stage}]"
    return str(extension.summary)


def _converter(converter: Any) -> str:
    """From what to what, how, which options it takes, and what this machine lacks for it."""
    from seatrial.converters import what_it_lacks

    lines = [f"{' or '.join(converter.sources)} -> {converter.target}: {converter.summary}"]
    if converter.options:
        lines.append(
            "--option " + ", ".join(f"{name}={_shown(each)}" for name, each in converter.options.items())
        )
    lines += [f"not ready here: {each}" for each in what_it_lacks(converter)]
    return "\n    ".join(lines)


def _shown(value: Any) -> str:
    """A default as `--option` takes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
