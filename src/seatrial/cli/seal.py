"""`seatrial seal`: a bundle whose models only the holders of a key can open."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("seal")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--for", "holders", multiple=True, required=True, type=click.Path(path_type=Path), metavar="CUSTOMER.pub",
    help="Public key of someone who may open it; may be repeated.",
)  # fmt: skip
@click.option("--also", multiple=True, metavar="ROLE", help="Also seal files of this role, such as labels.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="[default: BUNDLE-sealed]")
@click.option("--archive", is_flag=True, help="Also write it as one file, OUT.tar.zst.")
def command(
    *, bundle: Path, holders: tuple[Path, ...], also: tuple[str, ...], out: Path | None, archive: bool
) -> int:
    """Encrypt the models of BUNDLE for those who hold one of the keys; the rest stays readable.

    Whoever is to hand out licenses for the sealed bundle must hold a key of it: name your own as well. Sign
    afterwards: the sealed bundle has a digest of its own.
    """
    from seatrial.model.archive import SUFFIX, opened, pack
    from seatrial.trust.content_keys import holder_id
    from seatrial.trust.holders import load_holder
    from seatrial.trust.sealing import seal, sealed_entries

    keys = [load_holder(each) for each in holders]
    name = bundle.resolve().name.removesuffix(SUFFIX)
    target = out or bundle.resolve().parent / f"{name}-sealed"
    with opened(bundle) as plain:
        sealed = seal(plain, target, keys, also=also)
    count = sum(1 for _ in sealed_entries(sealed.manifest))
    click.echo(f"wrote {target}: {sealed.manifest.release}, {count} files sealed")
    click.echo(f"  digest  {sealed.digest}")
    for each, key in zip(holders, keys, strict=True):
        click.echo(f"  for     {each} ({holder_id(key)})")
    if archive:
        packed = target.with_name(target.name + SUFFIX)
        pack(sealed, packed)
        click.echo(f"wrote {packed}")
    return 0
