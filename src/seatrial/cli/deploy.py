"""`seatrial deploy`: the manifests of a bundle for one image, pinned by its digest."""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.errors import UsageError


@click.command("deploy")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--image", required=True, metavar="REFERENCE@sha256:...", help="As seatrial image printed it.")
@click.option("--storage", help="Where KServe finds the bundle: pvc://, oci://, s3://.")
@click.option("--replicas", type=click.IntRange(min=1), help="At the start, and at least.  [default: 2]")
@click.option("--most", type=click.IntRange(min=1), help="Replicas under load.  [default: 6]")
@click.option("--cpu", type=click.FloatRange(min=0.1), help="Cores of a replica.  [default: 1]")
@click.option("--memory", type=click.IntRange(min=64), help="MiB of a replica.  [default: as measured]")
@click.option("--unpinned", is_flag=True, help="Take an image that is named by a tag.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("deploy"), show_default=True)
def command(
    *,
    bundle: Path,
    image: str,
    storage: str | None,
    replicas: int | None,
    most: int | None,
    cpu: float | None,
    memory: int | None,
    unpinned: bool,
    out: Path,
) -> None:
    """Write Kubernetes, KServe, Compose and systemd files for BUNDLE: limits, probes, no root.

    What they say is checked by rules that a cluster does not have: selectors that find their pods, ports that
    are open, requests within limits, an image that cannot be exchanged.
    """
    from seatrial.checks import from_json, write_all
    from seatrial.deliverables._manifests import service_of
    from seatrial.deliverables.deployment import manifests
    from seatrial.model.archive import opened

    with opened(bundle) as found:
        found.verify()
        manifest, digest = found.manifest, found.digest
        report = from_json(found.read("report/report.json").decode())
    service = service_of(
        manifest,
        digest,
        report,
        image=image,
        replicas=replicas,
        most=most if most is not None or replicas is None else max(6, replicas),
        cpu=None if cpu is None else round(1000 * cpu),
        memory=memory,
    )
    if not service.pinned and not unpinned:
        raise UsageError(
            f"{image} is named by a tag, which may be turned to another image",
            hint="give REFERENCE@sha256:..., as seatrial image printed it, or --unpinned",
        )
    release = f"{manifest.name}-{manifest.version}"
    written = manifests(service, release, storage or f"pvc://models/{release}")
    for folder in sorted({path.partition("/")[0] for path in written}):
        inside = {path.partition("/")[2]: data.decode() for path, data in written.items()
                  if path.startswith(f"{folder}/")}  # fmt: skip
        write_all(out / folder, inside)
    for path in written:
        click.echo(f"wrote {out / path}")
