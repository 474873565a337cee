"""Shares on the command line: `1%` and `0.01` are the same."""

from __future__ import annotations

import click


def share(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """The share of what was typed, as a callback of an option.

    Raises:
        BadParameter: It is none.
    """
    text = value.strip()
    try:
        found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise click.BadParameter(
            f"'{value}' is no share: write 1% or 0.01", ctx=context, param=parameter
        ) from error
    if not 0 <= found <= 1:
        raise click.BadParameter(f"'{value}' is not between 0 and 100 %", ctx=context, param=parameter)
    return found
