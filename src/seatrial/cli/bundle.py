"""`seatrial bundle`: everything that a stranger needs, in one folder with one digest."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli._resolve import contract_of, name_of
from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.contract import Contract, HeldOut
    from seatrial.deliverables import Order
    from seatrial.model import Artifact

_ARCHIVE = ".tar.zst"


class _MakeByDefault(click.Group):
    """`seatrial bundle MODEL...` makes one; the other verbs are named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `make` before what is no verb."""
        first = next((each for each in args if each not in ctx.help_option_names), None)
        if args and first is not None and first not in self.commands:
            args = ["make", *args]
        return super().parse_args(ctx, args)


@click.group("bundle", cls=_MakeByDefault)
def command() -> None:
    """Make a bundle of MODEL, and see what is in one.

    seatrial bundle MODEL... is short for seatrial bundle make MODEL...
    """


@command.command("make")
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MODEL...")
@click.option(
    "--report", required=True, type=click.Path(path_type=Path), help="report.json of seatrial check."
)
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Samples: .npz, folder, .jsonl.")
@click.option(
    "--contract", "given", type=click.Path(path_type=Path), help="[default: found beside the model]"
)
@click.option("--to", "formats", multiple=True, metavar="FORMAT", help="Also convert to it; may be repeated.")
@click.option("--config", type=click.Path(path_type=Path), help="The training's configuration: YAML or JSON.")
@click.option("--previous", type=click.Path(path_type=Path), help="The bundle that this one replaces.")
@click.option("--name", help="[default: of -o, else of the contract]")
@click.option("--version", "release", help="[default: of -o, else 1.0.0]")
@click.option("--samples", "count", default=16, show_default=True, type=click.IntRange(10, 20))
@click.option("--say", multiple=True, metavar="KEY=TEXT", help="license=..., contact=..., data_cutoff=...")
@click.option("--despite", default="", metavar="REASON", help="Hand over though the gate does not say yes.")
@click.option("--license-required", is_flag=True, help="Servers ask for a license before they load it.")
@click.option("--archive", is_flag=True, help="Also write it as one file, NAME-VERSION.tar.zst.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="[default: NAME-VERSION]")
def make(
    *, models: tuple[Path, ...], out: Path | None, archive: bool, formats: tuple[str, ...], **options: Any
) -> None:
    """Put everything that a third party needs into one folder: NAME-VERSION.

    The first MODEL is the one that the report is about; the others are the same model in other formats. All
    of them are asked for the golden vectors, and refused when they do not answer alike.
    """
    from seatrial.contract import read_held_out
    from seatrial.deliverables import handover_of, write_bundle
    from seatrial.model import open_model
    from seatrial.model.archive import pack

    artifacts = [open_model(each) for each in models]
    contract, source = contract_of(artifacts[0], options["given"])
    _say(f"contract: {source}")
    held_out = read_held_out(options["data"], contract=contract)
    with tempfile.TemporaryDirectory(prefix="seatrial-formats-") as folder:
        artifacts += [
            _converted(artifacts[0], each, Path(folder) / each, contract, held_out) for each in formats
        ]
        order = _order(tuple(artifacts), contract, held_out, out, options)
        handover = handover_of(order, progress=_say)
        bundle = write_bundle(handover, out or Path(f"{order.name}-{order.version}"), progress=_say)
    click.echo(f"wrote {bundle.folder}: {bundle.manifest.release}, {len(bundle.manifest.files)} files")
    click.echo(f"  digest {bundle.digest}")
    if archive:
        packed = bundle.folder.with_name(bundle.folder.name + _ARCHIVE)
        pack(bundle, packed)
        click.echo(f"wrote {packed} ({_size(packed.stat().st_size)})")


@command.command("show")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The manifest itself.")
def show(*, bundle: Path, as_json: bool) -> None:
    """Say what is in BUNDLE, after every file was compared with its digest."""
    from seatrial.model.archive import opened

    with opened(bundle) as found:
        found.verify()
        manifest = found.manifest
        if as_json:
            click.echo(manifest.to_bytes())
            return
        click.echo(f"{manifest.release}  made {manifest.created:%Y-%m-%d %H:%M} UTC")
        click.echo(f"digest {found.digest}")
        for model in manifest.models:
            click.echo(f"model  {model.format:<16} {model.graph}")
        for role in dict.fromkeys(each.role for each in manifest.files):
            files = manifest.of_role(role)
            total = _size(sum(each.size for each in files))
            click.echo(f"{role:<12} {len(files):>4} files  {total:>10}")


@command.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--run", is_flag=True, help="Also ask the new model for the old bundle's test cases.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def diff(*, old: Path, new: Path, run: bool, lang: str, as_json: bool) -> None:
    """Say what an integrator of OLD must know before NEW takes its place.

    The first line is the verdict: identical, compatible, answers change, or needs new client code.
    """
    import json

    from seatrial.deliverables import bundle_diff, told
    from seatrial.model.archive import opened

    with opened(old) as before, opened(new) as after:
        found = bundle_diff(before, after, run=run)
    if as_json:
        click.echo(json.dumps(found.to_data(), ensure_ascii=False, indent=1))
    else:
        click.echo(told(found, lang))


@command.command("pack")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="[default: BUNDLE.tar.zst]")
def pack_command(*, bundle: Path, out: Path | None) -> None:
    """Write BUNDLE, its signatures included, as one file; the same bytes each time."""
    from seatrial.model.archive import pack
    from seatrial.model.bundle import open_bundle

    target = out or bundle.with_name(bundle.resolve().name + _ARCHIVE)
    pack(open_bundle(bundle), target)
    click.echo(f"wrote {target} ({_size(target.stat().st_size)})")


@command.command("unpack")
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("-o", "--out", "into", type=click.Path(path_type=Path), default=Path(), help="[default: here]")
def unpack_command(*, archive: Path, into: Path) -> None:
    """Unpack ARCHIVE into a folder NAME-VERSION, and compare every file with its digest."""
    from seatrial.model.archive import unpack

    bundle = unpack(archive, into)
    click.echo(f"wrote {bundle.folder}: {bundle.manifest.release}")
    click.echo(f"  digest {bundle.digest}")


@command.command("push")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("target", metavar="HOST/PATH:TAG")
@click.option("--plain-http", is_flag=True, help="The registry has no TLS: one on this machine.")
def push_command(*, bundle: Path, target: str, plain_http: bool) -> None:
    """Send BUNDLE to a registry as an artifact in the media types of CNCF ModelPack.

    Credentials come from `docker login` or from SEATRIAL_REGISTRY_USER and SEATRIAL_REGISTRY_PASSWORD.
    """
    from seatrial.deliverables._oci.transfer import push_bundle
    from seatrial.model.archive import opened

    with opened(bundle) as found:
        digest = push_bundle(found, target, plain_http=plain_http, progress=_say)
        click.echo(f"pushed {found.manifest.release} to {target}@{digest}")
        click.echo(f"  bundle {found.digest}")


@command.command("pull")
@click.argument("source", metavar="HOST/PATH:TAG|oci:LAYOUT")
@click.option("--plain-http", is_flag=True, help="The registry has no TLS: one on this machine.")
@click.option("-o", "--out", "into", type=click.Path(path_type=Path), default=Path(), help="[default: here]")
def pull_command(*, source: str, plain_http: bool, into: Path) -> None:
    """Fetch a bundle that `seatrial bundle push` sent into a folder NAME-VERSION; verified, or not there."""
    from seatrial.deliverables._oci.transfer import pull_bundle

    bundle = pull_bundle(source, into, plain_http=plain_http, progress=_say)
    click.echo(f"wrote {bundle.folder}: {bundle.manifest.release}")
    click.echo(f"  digest {bundle.digest}")


def _order(
    artifacts: tuple[Artifact, ...],
    contract: Contract,
    held_out: HeldOut,
    out: Path | None,
    options: dict[str, Any],
) -> Order:
    from seatrial.checks import read_report
    from seatrial.deliverables import Order
    from seatrial.model.bundle import open_bundle

    stem, _, ending = out.name.rpartition("-") if out is not None else ("", "", "")
    named = bool(stem) and ending[:1].isdigit()
    said = {}
    for each in options["say"]:
        key, found, text = each.partition("=")
        if not found:
            raise UsageError(f"--say {each}: expected KEY=TEXT")
        said[key] = text
    return Order(
        name=options["name"] or (stem if named else contract.name or name_of(artifacts[0])),
        version=options["release"] or (ending if named else "1.0.0"),
        models=artifacts,
        contract=contract,
        report=read_report(options["report"]),
        held_out=held_out,
        count=options["count"],
        config=options["config"],
        previous=open_bundle(options["previous"]) if options["previous"] else None,
        despite=options["despite"],
        extra=said,
        license_required=options["license_required"],
    )


def _converted(
    artifact: Artifact, target: str, folder: Path, contract: Contract, held_out: HeldOut
) -> Artifact:
    from seatrial.contract import feeds_of
    from seatrial.converters import convert

    _say(f"converting to {target}")
    return convert(artifact, target, folder, samples=feeds_of(contract, held_out)).artifact


def _say(text: str) -> None:
    click.echo(f"  {text}", err=True)


def _size(count: int) -> str:
    from seatrial.cli.inspect import human_size

    return human_size(count)
