"""The command line: commands load when they are called; exit codes live here and nowhere else.

0  done, or the gate said yes        3  the model or its contract is at fault
1  the gate said no                  4  a digest or a signature does not match
2  the call is wrong                 5  something that should answer does not
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from seatrial import __version__
from seatrial.errors import ModelError, SeatrialError, TrustError, Unavailable, UsageError

EXIT_CODES: tuple[tuple[type[SeatrialError], int], ...] = (
    (UsageError, 2),
    (ModelError, 3),
    (TrustError, 4),
    (Unavailable, 5),
)
GATE_SAID_NO = 1

# Name -> (module in this folder, one line for --help). The module is imported when the command is called,
# so that `seatrial --help` loads neither NumPy nor an engine.
COMMANDS = {
    "check": ("check", "Put a model through the ten checks and write the report."),
    "inspect": ("inspect", "Say what a model is, without running it."),
    "contract": ("contract", "Write or show the contract of a model."),
    "convert": ("convert", "Convert a model, and believe the result only when compared."),
    "quantize": ("quantize", "Make a model smaller, and deliver it only when the drop is surely small."),
    "prune": ("prune", "Take whole channels out of a model, as far as its accuracy surely allows."),
    "tune": ("tune", "Find the runtime, precision, threads and batch that serve a goal best."),
    "diagnose": ("diagnose", "Find out why a deployed model differs from its training side."),
    "infer": ("infer", "Run samples through the contract's pipeline and the model."),
    "bundle": ("bundle", "Make a bundle of a model: everything that a stranger needs."),
    "selfcheck": ("selfcheck", "Try a bundle on the machine that received it."),
    "verify": ("verify", "Verify a bundle: its bytes, who signed them, the verdict inside."),
    "sign": ("sign", "Sign a bundle, if the gate vouches for it."),
    "seal": ("seal", "Encrypt the models of a bundle for those who hold a key."),
    "keys": ("keys", "Make keys that sign, show them, and say which of them count."),
    "license": ("license", "Issue licenses, show them, take them back, and lease their calls."),
    "device": ("device", "Enroll the machine that licenses are for, and show how firmly it is bound."),
    "deploy": ("deploy", "Write the Kubernetes, KServe, Compose and systemd files of a bundle."),
    "serve": ("serve", "Serve models over the Open Inference Protocol v2, batched."),
    "api-key": ("api_key", "Make and remove the API keys of a server."),
    "client": ("client", "Ask a server: is it ready, what has it, what does it answer."),
    "image": ("image", "Write a bundle as a container image, without an engine; push it."),
    "drift": ("drift", "Learn how a model's inputs are distributed, and see how far others are from it."),
    "selftest": ("selftest", "Break a good model in every known way; the gate must catch each."),
    "baseline": ("baseline", "List, show and accept baselines."),
    "explain": ("explain", "Say what a finding, a check, a fault or a hypothesis means, and what to do."),
    "doctor": ("doctor", "Say which engines and tools are on this machine, and how to get the others."),
    "list": ("list", "List checks, steps, runtimes, hypotheses, faults, profiles and the rest."),
}


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"seatrial.cli.{COMMANDS[cmd_name][0]}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table above: nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="seatrial")
def seatrial() -> None:
    """The sea trial of a model: from a finished training run to a service one can trust.

    Start with:  seatrial check MODEL --data HELDOUT
    """


def exit_code(error: SeatrialError) -> int:
    """The exit code of an expected error."""
    return next((code for family, code in EXIT_CODES if isinstance(error, family)), 2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    Expected errors print what happened and what to do, without a traceback; anything else is a bug and
    shows one.
    """
    try:
        result = seatrial.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("stopped; nothing half-written is left behind", err=True)
        return 130
    except SeatrialError as error:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(error.message, err=True)
        if error.hint:
            click.secho("  what to do: ", bold=True, nl=False, err=True)
            click.echo(error.hint, err=True)
        return exit_code(error)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("seatrial."):
            raise
        click.echo("error: this is a server's image, which has nothing of the workshop", err=True)
        click.echo("  what to do: call this command where Seatrial is installed as a whole", err=True)
        return 2
    except BrokenPipeError:
        # The reader of a pipe (head, less) went away; that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
