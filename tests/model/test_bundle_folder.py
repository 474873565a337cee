"""A bundle in a folder and in an archive: believed file by file, and what an attacker would try."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from seatrial.errors import NotFound, TrustError, Unavailable, UsageError
from seatrial.model import archive
from seatrial.model.archive import holds_a_bundle, is_archive, opened, pack, unpack
from seatrial.model.bundle import Bundle, bundle_around, open_bundle
from seatrial.model.manifest import NAME
from support.handovers import network_bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return network_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def bundle(made: Bundle, tmp_path: Path) -> Bundle:
    """A copy that a test may spoil."""
    return _copy(made, tmp_path / made.folder.name)


def _copy(bundle: Bundle, to: Path) -> Bundle:
    for each in [NAME, *(entry.path for entry in bundle.manifest.files)]:
        (to / each).parent.mkdir(parents=True, exist_ok=True)
        (to / each).write_bytes((bundle.folder / each).read_bytes())
    return open_bundle(to)


def test_a_whole_one_is_believed(made: Bundle) -> None:
    made.verify()
    assert made.model().format == "paddle-json"
    assert made.artifact(made.model("onnx")).digest == made.model("onnx").digest
    assert bundle_around(made.folder / made.model().graph) == made
    assert made.read("contract.yaml")


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _link(path: Path) -> None:
    elsewhere = path.parents[3] / "elsewhere"
    elsewhere.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(elsewhere)


def _link_folder(path: Path) -> None:
    moved = path.parents[3] / "moved"
    path.parent.rename(moved)
    path.parent.symlink_to(moved)


ATTACKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "longer": (_append, "changed: "),
    "one-bit": (_flip, "changed: "),
    "gone": (lambda path: path.unlink(), "missing: "),
    "linked": (_link, "link: "),
    "linked-folder": (_link_folder, "link: "),
    "beside": (lambda path: path.with_name("more").write_bytes(b""), "extra: "),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_changed_is_named(bundle: Bundle, attack: str) -> None:
    spoil, says = ATTACKS[attack]
    spoil(bundle.folder / bundle.model("onnx").graph)
    with pytest.raises(TrustError, match=says):
        bundle.verify()


def test_signatures_are_not_listed_and_not_refused(bundle: Bundle) -> None:
    (bundle.folder / "signatures").mkdir()
    (bundle.folder / "signatures" / "bundle.dsse.json").write_text("{}")
    bundle.verify()


def test_what_is_just_being_written_is_no_signature(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.folder / "signatures").mkdir()
    signed = bundle.folder / "signatures" / "bundle.dsse.json"
    signed.write_text("{}")
    signed.with_name(".bundle.dsse.json.half").write_text("{")
    assert bundle.signatures() == [signed]
    pack(bundle, tmp_path / "packed.tar.zst")
    unpacked = unpack(tmp_path / "packed.tar.zst", tmp_path / "there")
    assert [each.name for each in unpacked.signatures()] == ["bundle.dsse.json"]


def test_two_files_swapped(bundle: Bundle) -> None:
    one, other = (bundle.folder / each for each in ("docs/en/guide.md", "contract.yaml"))
    if not one.exists():
        one = bundle.folder / "report/report.json"
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    with pytest.raises(TrustError, match="changed: "):
        bundle.verify()


def test_a_file_that_is_read_is_verified(bundle: Bundle) -> None:
    _flip(bundle.folder / "contract.yaml")
    with pytest.raises(TrustError, match="changed: contract"):
        bundle.read("contract.yaml")
    with pytest.raises(NotFound, match=r"has no other\.yaml"):
        bundle.read("other.yaml")


def test_a_model_that_it_does_not_have(made: Bundle) -> None:
    with pytest.raises(NotFound, match="no openvino model"):
        made.model("openvino")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no bundle"):
        open_bundle(tmp_path)
    assert bundle_around(tmp_path) is None
    assert not holds_a_bundle(tmp_path)


# -- archives ------------------------------------------------------------------------------------------------
def test_packed_twice_the_bytes_are_the_same_and_nothing_is_lost(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.folder / "signatures").mkdir()
    (bundle.folder / "signatures" / "bundle.dsse.json").write_text("{}")
    one, two = tmp_path / "one.tar.zst", tmp_path / "two.tar.zst"
    pack(bundle, one)
    pack(bundle, two)
    assert one.read_bytes() == two.read_bytes()
    assert is_archive(one)
    back = unpack(one, tmp_path / "back")
    assert back.digest == bundle.digest
    assert back.folder.name == "network-1.0.0"
    assert (back.folder / "signatures" / "bundle.dsse.json").read_text() == "{}"
    with opened(one) as found:
        assert found.digest == bundle.digest
        where = found.folder
    assert not where.exists()
    with pytest.raises(UsageError, match="there already"):
        unpack(one, tmp_path / "back")


def test_a_spoilt_bundle_is_not_packed(bundle: Bundle, tmp_path: Path) -> None:
    _flip(bundle.folder / "contract.yaml")
    with pytest.raises(TrustError, match="changed"):
        pack(bundle, tmp_path / "x.tar.zst")
    assert not (tmp_path / "x.tar.zst").exists()


Member = tuple[tarfile.TarInfo, bytes]


def _members(bundle: Bundle) -> list[Member]:
    top = f"{bundle.manifest.name}-{bundle.manifest.version}"
    found = []
    for each in [NAME, *(entry.path for entry in bundle.manifest.files)]:
        data = (bundle.folder / each).read_bytes()
        told = tarfile.TarInfo(f"{top}/{each}")
        told.size = len(data)
        found.append((told, data))
    return found


def _member(name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE, link: str = "") -> Member:
    told = tarfile.TarInfo(name)
    told.type, told.linkname = kind, link
    told.size = len(data) if kind == tarfile.REGTYPE else 0
    return told, data


def _archive(members: list[Member], out: Path) -> Path:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for told, data in members:
            tar.addfile(told, io.BytesIO(data) if told.isreg() else None)
    out.write_bytes(zstandard.ZstdCompressor().compress(raw.getvalue()))
    return out


TOP = "network-1.0.0"
ARCHIVES: dict[str, tuple[Callable[[list[Member]], list[Member]], str]] = {
    "upwards": (lambda m: [*m, _member(f"{TOP}/../../evil")], "does not stay in the bundle"),
    "absolute": (lambda m: [*m, _member("/evil")], "does not lie in"),
    "unlisted": (lambda m: [*m, _member(f"{TOP}/evil")], "is not listed"),
    "twice": (lambda m: [*m, m[-1]], "is not listed|there twice"),
    "manifest-twice": (lambda m: [*m, m[0]], "is not listed"),
    "symlink": (lambda m: [*m, _member(f"{TOP}/evil", kind=tarfile.SYMTYPE, link="/etc")], "no plain file"),
    "hardlink": (lambda m: [*m, _member(f"{TOP}/e", kind=tarfile.LNKTYPE, link="/x")], "no plain file"),
    "device": (lambda m: [*m, _member(f"{TOP}/evil", kind=tarfile.CHRTYPE)], "no plain file"),
    "missing": (lambda m: m[:-1], "missing: "),
    "no-manifest": (lambda m: m[1:], "does not begin with"),
    "empty": (lambda m: m[:0], "does not begin with"),
    "late-manifest": (lambda m: [*m[1:], m[0]], "does not begin with"),
    "other-folder": (lambda m: [_member("x/" + NAME, m[0][1]), *m[1:]], "folder is not"),
    "bytes": (lambda m: [*m[:-1], (m[-1][0], b"\0" * m[-1][0].size)], "changed: "),
    "larger": (lambda m: [*m[:-1], _member(m[-1][0].name, m[-1][1] + b"x")], "is not listed with"),
    "signatures-deep": (lambda m: [*m, _member(f"{TOP}/signatures/a/b")], "is not listed"),
}


@pytest.mark.parametrize("attack", ARCHIVES)
def test_an_archive_that_lies(made: Bundle, tmp_path: Path, attack: str) -> None:
    spoil, says = ARCHIVES[attack]
    path = _archive(spoil(_members(made)), tmp_path / "a.tar.zst")
    with pytest.raises(TrustError, match=says):
        unpack(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_bomb_stops_at_what_the_manifest_lists(made: Bundle, tmp_path: Path) -> None:
    bomb = b"\0" * (64 << 20)
    path = _archive([*_members(made)[:1], _member(f"{TOP}/contract.yaml", bomb)], tmp_path / "b.tar.zst")
    assert path.stat().st_size < 1 << 20
    with pytest.raises(TrustError, match="is not listed with"):
        unpack(path, tmp_path / "out")
    signed = _archive([*_members(made), _member(f"{TOP}/signatures/x", bomb)], tmp_path / "c.tar.zst")
    with pytest.raises(TrustError, match="bytes of signatures"):
        unpack(signed, tmp_path / "out")


@pytest.mark.parametrize("after", [0, 1], ids=["first", "after-the-manifest"])
def test_a_bomb_in_a_header_stops_before_it_fills_the_memory(
    made: Bundle, tmp_path: Path, after: int
) -> None:
    """What the standard library reads of an extended header it reads whole."""
    told = tarfile.TarInfo("x")
    told.type, told.size = tarfile.XHDTYPE, 96 << 20
    bomb = told.tobuf(tarfile.USTAR_FORMAT) + bytes(told.size)
    before = _archive(_members(made)[:after], tmp_path / "h.tar.zst")
    plain = zstandard.ZstdDecompressor().decompress(before.read_bytes()).rstrip(b"\0")
    plain += bytes(-len(plain) % tarfile.BLOCKSIZE)
    before.write_bytes(zstandard.ZstdCompressor().compress(plain + bomb))
    with pytest.raises(TrustError, match="holds more than"):
        unpack(before, tmp_path / "out")


def test_more_than_the_disk_holds(made: Bundle, tmp_path: Path) -> None:
    first = replace(made.manifest.files[0], size=1 << 60)
    lying = replace(made.manifest, files=(first, *made.manifest.files[1:]))
    path = _archive([_member(f"{TOP}/{NAME}", lying.to_bytes())], tmp_path / "d.tar.zst")
    with pytest.raises(Unavailable, match="the disk has"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("cut", [3, 40, -30])
def test_a_cut_archive(made: Bundle, tmp_path: Path, cut: int) -> None:
    whole = tmp_path / "whole.tar.zst"
    pack(made, whole)
    (tmp_path / "cut.tar.zst").write_bytes(whole.read_bytes()[:cut])
    with pytest.raises(TrustError, match=r"damaged|does not begin|missing|cut short"):
        unpack(tmp_path / "cut.tar.zst", tmp_path / "out")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no archive"):
        unpack(tmp_path / "x", tmp_path)
    with pytest.raises(NotFound, match="no bundle"), opened(tmp_path / "x"):
        pass


def test_a_window_that_would_take_gigabytes_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    packed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = packed.compress(b"x" * 1000) + packed.flush()
    (tmp_path / "w.tar.zst").write_bytes(data)
    with pytest.raises(TrustError, match="damaged"):
        unpack(tmp_path / "w.tar.zst", tmp_path / "out")
    assert archive.SUFFIX == ".tar.zst"
