"""Sealed files: what goes in comes out, and whatever was done to one on its way is refused and named."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.errors import TrustError, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.sealed_header import FORMAT
from seatrial.trust.stream import TAG, SealedFile, encrypt

KEY = bytes(range(32))
CONTEXT = {"bundle": "sha256:" + "a" * 64, "path": "models/onnx/model.onnx"}
CHUNK = 64
_NAMES = itertools.count()

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def sealed(folder: Path, data: bytes, *, chunk: int = CHUNK, key: bytes = KEY) -> Path:
    place = next(_NAMES)
    source, target = folder / f"{place}.plain", folder / f"{place}.sealed"
    source.write_bytes(data)
    written = encrypt(source, target, key, CONTEXT, chunk=chunk)
    assert written.plain_size == len(data)
    assert written.size == target.stat().st_size
    return target


def opened(
    path: Path, key: bytes = KEY, context: dict[str, str] | None = None, *, threads: int = 2
) -> bytearray:
    with SealedFile(path) as file:
        buffer = bytearray(b"\xee" * file.header.size)
        file.decrypt_into(memoryview(buffer), key, CONTEXT if context is None else context, threads=threads)
        return buffer


def start_of(data: bytes | bytearray) -> int:
    """Where the chunks begin."""
    return 12 + int.from_bytes(data[8:12], "big") + 32


@one_folder
@given(
    size=st.one_of(
        st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 3 * CHUNK + 1]),
        st.integers(0, 5 * CHUNK),
    ),
    threads=st.integers(1, 4),
    seed=st.binary(min_size=1, max_size=8),
)
def test_what_is_sealed_comes_back(tmp_path: Path, size: int, threads: int, seed: bytes) -> None:
    data = (seed * (size // len(seed) + 1))[:size]
    assert opened(sealed(tmp_path, data), threads=threads) == data


@one_folder
@given(
    size=st.sampled_from([0, 1, CHUNK, 2 * CHUNK + 5]),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_any_flipped_bit_is_refused(tmp_path: Path, size: int, where: float, bit: int) -> None:
    path = sealed(tmp_path, bytes(size))
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises((TrustError, UsageError)):
        opened(path)


@one_folder
@given(size=st.sampled_from([0, 1, CHUNK, 2 * CHUNK + 5]), keep=st.floats(0, 1, exclude_max=True))
def test_any_shorter_file_is_refused(tmp_path: Path, size: int, keep: float) -> None:
    path = sealed(tmp_path, bytes(size))
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(TrustError):
        opened(path)


def test_chunks_of_the_real_size(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_001  # three chunks, the last one short
    path = sealed(tmp_path, data, chunk=1 << 20)
    assert opened(path) == data
    assert path.stat().st_size == start_of(path.read_bytes()) + len(data) + 3 * TAG


def test_two_sealings_share_no_bytes(tmp_path: Path) -> None:
    first, second = (sealed(tmp_path, bytes(500)).read_bytes() for _ in range(2))
    begin = start_of(first)
    assert not {first[at : at + 16] for at in range(begin, len(first) - 16)} & {
        second[at : at + 16] for at in range(begin, len(second) - 16)
    }


def test_the_plain_bytes_are_not_in_the_file(tmp_path: Path) -> None:
    assert b"a secret weight!" not in sealed(tmp_path, b"a secret weight!" * 40).read_bytes()


def test_another_key_is_no_change(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"^wrong key"):
        opened(sealed(tmp_path, b"x" * 100), bytes(32))


def test_a_file_that_ends_early_is_truncated(tmp_path: Path) -> None:
    path = sealed(tmp_path, b"x" * 3 * CHUNK)
    data = path.read_bytes()
    for end in (len(data) - 1, len(data) - CHUNK - TAG, start_of(data), start_of(data) - 40, 20):
        path.write_bytes(data[:end])
        with pytest.raises(TrustError, match=r"^truncated"):
            opened(path)


def test_what_stands_behind_the_end_is_refused(tmp_path: Path) -> None:
    path = sealed(tmp_path, b"x" * 3 * CHUNK)
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(TrustError, match=r"^trailing"):
        opened(path)


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 2), (0, 2, 1), (2, 1, 0)], ids=str)
def test_chunks_in_another_order_are_told(tmp_path: Path, order: tuple[int, int, int]) -> None:
    path = sealed(tmp_path, bytes(range(3)) * CHUNK)  # three whole chunks
    data = path.read_bytes()
    begin = start_of(data)
    chunks = [data[at : at + CHUNK + TAG] for at in range(begin, len(data), CHUNK + TAG)]
    path.write_bytes(data[:begin] + b"".join(chunks[each] for each in order))
    with pytest.raises(TrustError, match=r"^reordered"):
        opened(path)


def test_a_chunk_of_another_file_is_refused(tmp_path: Path) -> None:
    mine, theirs = sealed(tmp_path, bytes(3 * CHUNK)), sealed(tmp_path, bytes(3 * CHUNK))
    data, other = bytearray(mine.read_bytes()), theirs.read_bytes()
    begin = start_of(other)
    data[begin : begin + CHUNK + TAG] = other[begin : begin + CHUNK + TAG]
    mine.write_bytes(data)
    with pytest.raises(TrustError, match=r"^changed: chunk 0"):
        opened(mine)


def test_a_changed_byte_is_told_with_its_place(tmp_path: Path) -> None:
    path = sealed(tmp_path, bytes(3 * CHUNK))
    data = bytearray(path.read_bytes())
    data[start_of(data) + CHUNK + TAG + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(TrustError, match=r"^changed: chunk 1 .*plain bytes 64 to 128"):
        opened(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 2 * CHUNK),
        ("chunk", 128),
        ("nonce", "00" * 7),
        ("salt", "00" * 32),
        ("context", {"path": "x"}),
    ],
)
def test_an_edited_header_is_told(tmp_path: Path, field: str, value: object) -> None:
    path = sealed(tmp_path, bytes(3 * CHUNK))
    data = path.read_bytes()
    begin = start_of(data)
    header = canonical({**json.loads(data[12 : begin - 32]), field: value})
    path.write_bytes(data[:8] + struct.pack(">I", len(header)) + header + data[begin - 32 :])
    with pytest.raises(TrustError, match=r"^header"):
        opened(path)


def test_a_file_in_the_place_of_another_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"^swapped: .*model.onnx"):
        opened(sealed(tmp_path, b"x"), context={**CONTEXT, "path": "models/onnx/other.onnx"})


def test_nothing_is_left_in_the_buffer_of_a_refused_file(tmp_path: Path) -> None:
    path = sealed(tmp_path, b"s" * 4 * CHUNK)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    buffer = bytearray(b"\xee" * 4 * CHUNK)
    with SealedFile(path) as file, pytest.raises(TrustError):
        file.decrypt_into(memoryview(buffer), KEY, CONTEXT)
    assert not any(buffer)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SEASEAL1",
        b"SEASEAL1\xff\xff\xff\xff",
        b"SEASEAL1\0\0\0\2{}" + bytes(32),
        b"SEASEAL1\0\0\0\2[]" + bytes(32),
        b"SEASEAL1\0\0\0\2\xff\xff" + bytes(32),
        b"PK\3\4 something else altogether",
    ],
    ids=["empty", "magic", "endless-header", "no-fields", "a-list", "no-text", "another-format"],
)
def test_what_is_no_sealed_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.sealed"
    path.write_bytes(data)
    with pytest.raises(TrustError):
        SealedFile(path)


def test_a_later_format_asks_for_a_later_seatrial(tmp_path: Path) -> None:
    path = sealed(tmp_path, b"x")
    path.write_bytes(path.read_bytes().replace(FORMAT.encode(), b"seatrial/sealed/2"))
    with pytest.raises(UsageError, match="seatrial/sealed/2"):
        SealedFile(path)


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "plain"
    source.write_bytes(b"x")
    with pytest.raises(FileExistsError):
        encrypt(source, source, KEY, CONTEXT)
    assert source.read_bytes() == b"x"


def test_a_buffer_of_another_size_is_our_own_mistake(tmp_path: Path) -> None:
    with SealedFile(sealed(tmp_path, b"xyz")) as file, pytest.raises(ValueError, match="2 bytes for 3"):
        file.decrypt_into(memoryview(bytearray(2)), KEY, CONTEXT)
