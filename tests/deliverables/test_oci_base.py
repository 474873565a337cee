"""Bases: read to the end before they are believed, and refused with the reason."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.deliverables._oci import base as bases
from seatrial.deliverables._oci import debian
from seatrial.deliverables._oci.base import Base, base_from_layout
from seatrial.errors import MissingDependency, SeatrialError, TrustError, Unavailable, UsageError
from support.bases import LAYER, PYTHON, Layout, tiny_base

LIBC = PYTHON[1]


def opened(layout: Path, tmp_path: Path, architecture: str = "amd64", digest: str = "") -> Base:
    blobs = tmp_path / "fetched"
    blobs.mkdir(exist_ok=True)
    return base_from_layout(layout, architecture, blobs, digest=digest)


def test_a_base_says_which_python_it_has(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "base")
    lower = [*PYTHON, ("usr/local/bin/python3.12", b""), ("usr/bin/python3.9", b"")]
    found = opened(layout.index(layout.image([lower, [("etc/x", b"1")]])), tmp_path)
    assert (found.python, found.version) == ("/usr/local/bin/python3.12", (3, 12))
    assert found.packages == "opt/seatrial/lib/python3.12/site-packages"
    assert {each.blob.media_type for each in found.layers} == {LAYER}
    for each in found.layers:
        assert isinstance(each.blob.content, Path)
        assert "sha256:" + hashlib.sha256(each.blob.content.read_bytes()).hexdigest() == each.blob.digest


def test_an_archive_is_as_good_as_a_folder(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    archive = Path(shutil.make_archive(str(tmp_path / "base"), "tar", folder))
    assert opened(archive, tmp_path).digest == opened(folder, tmp_path).digest


def test_the_image_of_the_machine_is_taken_also_out_of_an_index_in_an_index(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "base")
    arm = layout.image([[("usr/bin/python3.11", b"arm"), LIBC]], architecture="arm64")
    inner = layout.blob(
        json.dumps({"manifests": [layout.image([PYTHON]), arm]}).encode(),
        "application/vnd.oci.image.index.v1+json",
    )
    found = opened(layout.index(inner), tmp_path, "arm64")
    assert (found.architecture, found.digest) == ("arm64", arm["digest"])
    assert opened(layout.folder, tmp_path, "arm64", arm["digest"]).digest == arm["digest"]


def test_layers_as_docker_calls_them_are_taken(tmp_path: Path) -> None:
    found = opened(
        tiny_base(tmp_path / "base", layer_type="application/vnd.docker.image.rootfs.diff.tar.gzip"), tmp_path
    )
    assert found.layers[0].blob.media_type == "application/vnd.oci.image.layer.v1.tar+gzip"


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    told = tarfile.TarInfo(name)
    told.type, told.linkname = kind, target
    return told


REFUSED: dict[str, tuple[list[list[Any]], dict[str, Any], type[SeatrialError], str]] = {
    "no python": ([[LIBC]], {}, UsageError, "has no Python of at least 3.11"),
    "python too old": ([[LIBC, ("usr/bin/python3.10", b"")]], {}, UsageError, "has no Python of at least"),
    "python removed above": ([PYTHON, [("usr/bin/.wh.python3.11", b"")]], {}, UsageError, "has no Python"),
    "folder removed above": ([PYTHON, [(".wh.usr", b"")]], {}, UsageError, "has no Python"),
    "folder made opaque": ([PYTHON, [("usr/.wh..wh..opq", b"")]], {}, UsageError, "has no Python"),
    "no gnu c library": ([PYTHON[:1]], {}, UsageError, "has no GNU C library"),
    "upward path": ([[*PYTHON, ("../../etc/passwd", b"")]], {}, TrustError, "leads out of the image"),
    "upward whiteout": ([[*PYTHON, ("a/../../.wh.x", b"")]], {}, TrustError, "leads out of the image"),
    "upward hard link": (
        [[*PYTHON, link("a", "../../etc/shadow", tarfile.LNKTYPE)]], {}, TrustError, "leads out of the image"
    ),
    "another content": (
        [PYTHON], {"rootfs": {"diff_ids": ["sha256:" + "0" * 64]}}, TrustError, "has the content"
    ),
    "layers not told": ([PYTHON], {"rootfs": {"diff_ids": []}}, TrustError, "1 layers and speaks of 0"),
    "another system": ([PYTHON], {"os": "windows"}, UsageError, "is for windows/amd64"),
    "another machine inside": ([PYTHON], {"architecture_": "arm64"}, UsageError, "no image for amd64.*arm64"),
    "strange layer": ([PYTHON], {"layer_type": "application/x"}, UsageError, "a layer of the kind"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_base_is_refused(tmp_path: Path, name: str) -> None:
    layers, changes, error, message = REFUSED[name]
    changes = {key.rstrip("_"): value for key, value in changes.items()}
    layout = Layout(tmp_path / "base")
    folder = layout.index(layout.image(layers, **changes))
    with pytest.raises(error, match=message):
        opened(folder, tmp_path)


@pytest.mark.parametrize("what", ["config", "manifest", "layer", "cut", "index", "no blob"])
def test_a_damaged_layout_is_refused(tmp_path: Path, what: str) -> None:
    folder = tiny_base(tmp_path / "base")
    index = json.loads((folder / "index.json").read_text())
    blobs = folder / "blobs" / "sha256"
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    layer = blobs / manifest["layers"][0]["digest"][7:]
    if what == "config":
        (blobs / manifest["config"]["digest"][7:]).write_text("{}")
    elif what == "manifest":
        (blobs / index["manifests"][0]["digest"][7:]).write_text("{}")
    elif what == "layer":
        data = bytearray(layer.read_bytes())
        data[len(data) // 2] ^= 1
        layer.write_bytes(data)
    elif what == "cut":
        layer.write_bytes(layer.read_bytes()[:-20])
    elif what == "index":
        (folder / "index.json").write_text("[")
    else:
        layer.unlink()
    with pytest.raises((TrustError, UsageError)):
        opened(folder, tmp_path)


def test_a_bomb_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_base(tmp_path / "base")
    monkeypatch.setattr(bases, "MOST_BYTES", 1000)
    with pytest.raises(TrustError, match="more than 1000 bytes"):
        opened(folder, tmp_path)


def test_nothing_that_is_no_layout_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file.tar").write_bytes(b"no tar at all")
    for path in (tmp_path, tmp_path / "file.tar", tmp_path / "nothing"):
        with pytest.raises(UsageError, match="no OCI"):
            opened(path, tmp_path)


def test_an_archive_writes_only_where_blobs_go(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    archive = tmp_path / "base.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(link("blobs/sha256/../../../evil", "/etc/passwd", tarfile.SYMTYPE))
        tar.addfile(tarfile.TarInfo("../../evil"))
        for each in sorted(folder.rglob("*")):
            tar.add(each, each.relative_to(folder).as_posix(), recursive=False)
    opened(archive, tmp_path)
    assert not list(tmp_path.rglob("evil"))


def test_debian_without_mmdebstrap_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="mmdebstrap") as caught:
        debian.debian_base(debian.Debian("amd64", tmp_path / "cache"), progress=print)
    assert "apt-get install mmdebstrap" in caught.value.hint


def test_debian_when_the_mirror_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mmdebstrap"
    program.write_text("#!/bin/sh\necho 'E: apt-get update failed' >&2\nexit 25\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Unavailable, match="apt-get update failed"):
        debian.debian_base(debian.Debian("amd64", tmp_path / "cache"), progress=print)
    assert not list((tmp_path / "cache").iterdir())


def test_debian_keeps_python_and_drops_the_package_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mmdebstrap` is played by a program that unpacks a few files; the rest is ours."""
    from support.bases import tar_of

    control = b"Package: python3.11-minimal\nVersion: 3.11.2\n\nPackage: libc6\nVersion: 2.36\n\n"
    files = [
        ("./seatrial-packages", control), ("./usr/bin/python3.11", b"p"), ("./usr/bin/dpkg", b"d"),
        ("./lib/x86_64-linux-gnu/libc.so.6", b"c"), ("./usr/share/doc/libc6/copyright", b"(c)"),
        ("./usr/share/doc/libc6/changelog.gz", b"z"), ("./etc/resolv.conf", b"of this machine"),
        ("./usr/share/ca-certificates/mozilla/B.crt", b"B"),
        ("./usr/share/ca-certificates/mozilla/A.crt", b"A\n"),
        ("./usr/lib/python3.11/test/x.py", b"t"), ("./usr/lib/python3.11/os.py", b"o"),
    ]  # fmt: skip
    (tmp_path / "made.tar").write_bytes(tar_of(files))
    program = tmp_path / "mmdebstrap"
    program.write_text(f'#!/bin/sh\nfor last; do :; done\ncp {tmp_path}/made.tar "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    how = debian.Debian("amd64", tmp_path / "cache")
    said: list[str] = []
    base = debian.debian_base(how, progress=said.append)
    assert base.python == "/usr/bin/python3.11"
    path = base.layers[0].blob.content
    assert isinstance(path, Path)
    with tarfile.open(path) as tar:
        names = set(tar.getnames())
        for name, expected in {
            "etc/ssl/certs/ca-certificates.crt": b"A\nB\n",
            "var/lib/dpkg/status": b"Package: libc6\nVersion: 2.36\nStatus: install ok installed\n\n"
            b"Package: python3.11-minimal\nVersion: 3.11.2\nStatus: install ok installed\n",
        }.items():
            file = tar.extractfile(name)
            assert file is not None
            assert file.read() == expected
    assert {"usr/bin/python3.11", "usr/share/doc/libc6/copyright", "usr/lib/python3.11/os.py", "tmp"} <= names
    assert not {each for each in names if "dpkg" in each and "bin" in each}
    assert not names & {"etc/resolv.conf", "usr/share/doc/libc6/changelog.gz", "usr/lib/python3.11/test/x.py"}
    path.write_bytes(b"damaged")
    assert debian.debian_base(how, progress=said.append).layers == base.layers  # made again
    program.unlink()
    assert debian.debian_base(how, progress=said.append).layers == base.layers  # out of the cache
    assert "as in the cache" in said[-1]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency):  # another recipe, which is not in the cache
        debian.debian_base(replace(how, with_shell=True), progress=said.append)
