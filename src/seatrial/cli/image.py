"""`seatrial image`: a bundle as a container image, or as an artifact in a registry, without an engine."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.deliverables._oci.blob import Package
    from seatrial.model.bundle import Bundle


@click.command("image")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="FILE.tar, or a folder for an OCI layout.")
@click.option(
    "--base",
    default="debian",
    show_default=True,
    help="debian (by mmdebstrap), oci:LAYOUT[@sha256:...], or REFERENCE@sha256:...",
)
@click.option("--arch", default="amd64", show_default=True, type=click.Choice(["amd64", "arm64"]))
@click.option(
    "--extra",
    "extras",
    multiple=True,
    help="onnx, openvino or paddle; trace.  [default: the preferred model's]",
)
@click.option("--name", help="What `docker load` calls it.  [default: NAME:VERSION]")
@click.option("--push", "target", metavar="REFERENCE", help="Send it to a registry.")
@click.option("--plain-http", is_flag=True, help="The registry has no TLS: one on this machine.")
@click.option(
    "--artifact", is_flag=True, help="The bundle itself in the media types of CNCF ModelPack, no server."
)
@click.option(
    "--compression",
    default="gzip",
    show_default=True,
    type=click.Choice(["gzip", "zstd", "none"]),
    help="Of layers.",
)
@click.option("--lock", type=click.Path(path_type=Path), help="Hashed requirements.  [default: as tested]")
@click.option("--refresh-base", is_flag=True, help="Ask Debian for newer packages than those in the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print digests and sizes as JSON.")
def command(*, bundle: Path, out: Path | None, target: str | None, artifact: bool, **options: Any) -> None:
    """Write BUNDLE as a container image that serves it, or send it to a registry, or both.

    Nothing is run and no root is needed. The same bundle, base and lock give the same digest. The credentials
    of a registry come from `docker login` or from SEATRIAL_REGISTRY_USER and SEATRIAL_REGISTRY_PASSWORD.
    """
    from seatrial.deliverables._oci.image import default_name
    from seatrial.deliverables._oci.reference import image_name
    from seatrial.model.archive import opened

    if out is None and not target:
        raise UsageError("there is no place to put the image", hint="give -o FILE.tar, or --push REFERENCE")
    with opened(bundle) as found:
        name = image_name(options["name"] or target or default_name(found))
        with _made(found, artifact, out, options) as package:
            if out is not None:
                _written(package, out, name, artifact=artifact)
            if target:
                _pushed(package, target, plain_http=options["plain_http"])
            _told(package, name, options["as_json"])


@contextmanager
def _made(bundle: Bundle, artifact: bool, out: Path | None, options: dict[str, Any]) -> Iterator[Package]:  # noqa: FBT001 - the flag of the command
    from seatrial.deliverables._oci.layout import aside
    from seatrial.deliverables._oci.making import ImageOrder, cache_folder, make_image
    from seatrial.deliverables._oci.modelpack import modelpack

    place = out if out is not None else Path(tempfile.gettempdir()) / "seatrial-image"
    with aside(place) as folder:
        if artifact:
            yield modelpack(bundle, folder)
            return
        runtimes = [each for each in options["extras"] if each != "trace"]
        if len(runtimes) > 1:
            raise UsageError("an image has one runtime, not " + " and ".join(runtimes))
        order = ImageOrder(
            cache=cache_folder(os.environ),
            base=options["base"],
            architecture=options["arch"],
            extra=runtimes[0] if runtimes else "",
            more=tuple(each for each in options["extras"] if each == "trace"),
            compression=options["compression"],
            lock=options["lock"],
            refresh=options["refresh_base"],
            plain_http=options["plain_http"],
        )
        yield make_image(bundle, order, folder, progress=_say)


def _written(package: Package, out: Path, name: str, *, artifact: bool) -> None:
    from seatrial.deliverables._oci.layout import write_archive, write_folder

    if out.suffix == ".tar":
        write_archive(package, out, name, docker=not artifact)
    else:
        write_folder(package, out, name)
    _say(f"wrote {out}")


def _pushed(package: Package, target: str, *, plain_http: bool) -> None:
    from seatrial.deliverables._oci.line import line_to
    from seatrial.deliverables._oci.making import REGISTRY
    from seatrial.deliverables._oci.reference import reference
    from seatrial.deliverables._oci.registry import Registry

    where = reference(target, host=os.environ.get(REGISTRY, ""))
    with Registry(where, line_to(where.host, plain_http=plain_http)) as registry:
        registry.push(package, progress=_say)
    _say(f"pushed {where}")


def _told(package: Package, name: str, as_json: bool) -> None:  # noqa: FBT001 - the flag of the command
    from seatrial.deliverables._oci.image import facts

    said = {"name": name, **facts(package)}
    if as_json:
        click.echo(json.dumps(said, indent=2))
        return
    click.echo(f"{name}  {said['size'] / 1e6:.1f} MB in {len(said['layers'])} layers")
    click.echo(f"  digest   {said['digest']}")
    click.echo(f"  image id {said['image_id']}")


def _say(text: str) -> None:
    click.echo(f"  {text}", err=True)
