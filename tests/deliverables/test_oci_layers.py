"""Layers: equal contents give equal bytes, whatever the order, the clock and the threads."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from seatrial.deliverables._oci import compression
from seatrial.deliverables._oci.compression import compressed
from seatrial.deliverables._oci.layers import Entry, below, write_layer
from seatrial.errors import UsageError


def members(path: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return tar.getmembers()


@given(st.lists(st.binary(max_size=400), max_size=30), st.integers(1, 300))
def test_gzip_gives_back_what_went_in_however_it_came(portions: list[bytes], chunk: int) -> None:
    whole = b"".join(portions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "CHUNK", chunk)
        packed = b"".join(compressed(portions, "gzip"))
        at_once = b"".join(compressed([whole], "gzip"))
        patch.setattr(compression, "THREADS", 5)
        otherwise = b"".join(compressed(portions, "gzip"))
    assert gzip.decompress(packed) == whole
    assert packed == at_once == otherwise


def test_gzip_in_chunks_costs_hardly_any_room() -> None:
    data = b"".join(str(index * 7919 % 10007).encode() + b"," for index in range(1_000_000))
    chunked = sum(map(len, compressed([data], "gzip")))
    assert chunked < 1.01 * len(gzip.compress(data, compression.LEVEL))


def test_zstd_and_none() -> None:
    data = os.urandom(1000) * 50
    packed = b"".join(compressed([data[:70], data[70:]], "zstd"))
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed) == data
    assert b"".join(compressed([data[:70], data[70:]], "none")) == data


def test_a_layer_has_no_time_no_owner_and_its_order(tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"x" * 5000)
    source.chmod(0o4777)
    entries = [
        Entry("opt/b/run", source, executable=True),
        Entry("opt/a", b"text"),
        Entry("opt/b/link", target="run"),
        Entry("tmp", mode=0o1777),
        Entry("opt/" + "n" * 150 + "/ü", b""),
    ]
    layer = write_layer(entries, tmp_path, "test", compression="gzip")
    again = write_layer(reversed(entries), tmp_path, "test", compression="gzip")
    assert layer == again
    path = layer.blob.content
    assert isinstance(path, Path)
    assert layer.blob.digest == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert layer.diff_id == "sha256:" + hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    assert layer.blob.size == path.stat().st_size
    told = {each.name: each for each in members(path)}
    assert list(told) == [
        "opt",
        "opt/a",
        "opt/b",
        "opt/b/link",
        "opt/b/run",
        *[n for n in told if "nnn" in n],
        "tmp",
    ]
    assert {(each.mtime, each.uid, each.gid, each.uname, each.gname) for each in told.values()} == {
        (0, 0, 0, "", "")
    }
    assert (told["opt/a"].mode, told["opt/b/run"].mode, told["tmp"].mode) == (0o644, 0o755, 0o1777)
    assert told["opt/b/link"].linkname == "run"
    with tarfile.open(path) as tar:
        file = tar.extractfile("opt/b/run")
        assert file is not None
        assert file.read() == source.read_bytes()


def test_a_tree_is_told_with_its_links_and_without_what_is_not_wanted(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.py").write_text("1")
    (tmp_path / "deep" / "er" / "a.pyc").write_text("2")
    (tmp_path / "out").symlink_to("/etc")
    found = {each.path: each for each in below(tmp_path, "top", keep=lambda path: not path.endswith("c"))}
    assert set(found) == {"top/deep/er/a.py", "top/out"}
    assert found["top/out"].target == "/etc"


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a//b", ".", "./a"])
def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="does not stay in the image"):
        write_layer([Entry(path, b"")], tmp_path, "test", compression="none")
    assert not any(tmp_path.iterdir())


def test_a_path_is_there_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="twice"):
        write_layer([Entry("a", b"1"), Entry("a", b"2")], tmp_path, "test", compression="none")


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * (2 << 20))
    (tmp_path / "blobs").mkdir()

    def entries() -> Iterator[Entry]:
        yield Entry("a", tmp_path / "file")
        yield Entry("b", b"")

    class Changing(type(tmp_path)):  # type: ignore[misc] # the kind of path that this system has
        def open(self, *arguments: object, **options: object) -> object:
            os.truncate(self, size)
            return super().open(*arguments, **options)

    changing = Changing(tmp_path / "file")
    with pytest.raises(UsageError, match="changed while it was read"):
        write_layer([Entry("a", changing)], tmp_path / "blobs", "test", compression="gzip")
    assert not any((tmp_path / "blobs").iterdir())
