"""`seatrial explain`: what a finding, a check, a fault or a hypothesis means, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from seatrial.errors import NotFound
from seatrial.text import Text

if TYPE_CHECKING:
    from seatrial.faults import Fault

_WORDS = {
    "what": Text("looks at", "检查内容"),
    "why": Text("matters", "为何重要"),
    "cause": Text("usual cause", "常见原因"),
    "fix": Text("fix", "解决办法"),
    "source": Text("source", "依据"),
    "check": Text("check", "检查"),
    "asks": Text("asks", "问题"),
    "promises": Text("promises", "承诺"),
    "findings": Text("findings", "结果项"),
    "fault": Text("fault", "故障"),
    "kind": Text("kind", "类别"),
    "caught": Text("caught by", "由谁发现"),
    "hypothesis": Text("hypothesis", "假设"),
    "stage": Text("stage", "环节"),
    "faults": Text("explains", "能解释"),
    "blind": Text("unseen", "无法察觉"),
}


@click.command("explain")
@click.argument("name")
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the answer."
)
def command(*, name: str, lang: str) -> None:
    """Say what NAME means: a finding (weights.finite), a check, a fault (or F23) or a hypothesis.

    What is looked at, why it matters, what usually causes it, how to fix it, and where this is known from.
    """
    parts = [part for part in (_finding(name), _check(name), *_faults(name), _hypothesis(name)) if part]
    if not parts:
        near = get_close_matches(name, _names(), n=4, cutoff=0.5)
        raise NotFound(
            f"nothing is called '{name}'",
            hint=f"near it: {', '.join(near)}"
            if near
            else "see `seatrial list checks`, faults or hypotheses",
        )
    for place, lines in enumerate(parts):
        if place:
            click.echo()
        _show(lines, lang)


def _show(lines: Sequence[tuple[str, Text]], language: str) -> None:
    from seatrial.checks import padded, width

    headings = [_WORDS[key].in_language(language) for key, _ in lines]
    widest = max(width(each) for each in headings)
    for heading, (_, text) in zip(headings, lines, strict=True):
        click.secho(padded(heading, widest) + "  ", bold=True, nl=False)
        click.echo(text.in_language(language))


def _finding(name: str) -> list[tuple[str, Text]]:
    from seatrial.checks import explanation

    found = explanation(name)
    if found is None:
        return []
    return [
        ("findings", _same(name if name == found.name else f"{name} ({found.name})")),
        ("what", found.what),
        ("why", found.why),
        ("cause", found.cause),
        ("fix", found.fix),
        ("source", _same(found.source)),
    ]


def _check(name: str) -> list[tuple[str, Text]]:
    from seatrial.checks import all_checks, explanations

    found = next((each for each in all_checks() if each.name == name), None)
    if found is None:
        return []
    mine = [each.name for each in explanations().values() if each.check == name]
    return [
        ("check", Text(f"{name}: {found.title.en}", f"{name}：{found.title.zh}")),
        ("asks", found.question),
        ("promises", _same(", ".join(found.promises))),
        ("findings", _same(", ".join(mine))),
    ]


def _faults(name: str) -> Iterator[list[tuple[str, Text]]]:
    """The fault of that name, or all those of that number."""
    from seatrial.faults import all_faults

    yield from (_fault(each) for each in all_faults().values() if name in (each.name, each.number))


def _fault(found: Fault) -> list[tuple[str, Text]]:
    number = f" ({found.number})" if found.number else ""
    lines = [
        ("fault", Text(f"{found.name}{number}: {found.title.en}", f"{found.name}{number}：{found.title.zh}")),
        ("kind", _same(found.kind)),
        ("caught", _same(", ".join(sorted(found.checks)))),
    ]
    if found.cause:
        lines.append(("hypothesis", _same(found.cause)))
    if found.identity_only:
        lines.append(("blind", found.identity_only))
    return lines


def _hypothesis(name: str) -> list[tuple[str, Text]]:
    from seatrial.diagnosis import all_hypotheses
    from seatrial.faults import all_faults

    found = all_hypotheses().get(name)
    if found is None:
        return []
    faults = [each.name for each in all_faults().values() if each.cause == name]
    lines = [
        ("hypothesis", Text(f"{name}: {found.title.en}", f"{name}：{found.title.zh}")),
        ("asks", found.question),
        ("stage", _same(found.stage)),
    ]
    lines += [("faults", _same(", ".join(faults)))] if faults else []
    lines += [("source", _same(found.source))] if found.source else []
    return lines


def _same(text: str) -> Text:
    return Text(text, text)


def _names() -> Iterator[str]:
    from seatrial.checks import all_checks, explanations
    from seatrial.diagnosis import all_hypotheses
    from seatrial.faults import all_faults

    yield from explanations()
    yield from (each.name for each in all_checks())
    yield from all_faults()
    yield from all_hypotheses()
