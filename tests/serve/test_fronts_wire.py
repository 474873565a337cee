"""What crosses between fronts and hub: frames in any pieces, places that never overlap."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.fronts.frames import SHARED, BrokenLine, Frame, Kind, Unpacker, chunk_of, layout_of, pack
from seatrial.serve.fronts.memory import Places, Reader, Writer, create

TENSORS = st.lists(
    st.tuples(
        st.sampled_from(["float32", "float64", "int8", "bool", "int64", "uint16", "string", ">f4"]),
        st.lists(st.integers(0, 3), max_size=3),
    ),
    max_size=3,
)


def tensor(dtype: str, shape: list[int], seed: int) -> np.ndarray[Any, Any]:
    if dtype == "string":
        return np.array([f"ü{seed}{place}" for place in range(int(np.prod(shape)))], object).reshape(shape)
    return np.random.default_rng(seed).integers(0, 2, shape).astype(dtype)


@given(st.lists(TENSORS, min_size=1, max_size=4), st.lists(st.integers(1, 400), min_size=1), st.text())
def test_frames_come_out_as_they_went_in(many: list[Any], pieces: list[int], word: str) -> None:
    sent, data = [], b""
    for number, drawn in enumerate(many):
        arrays = [tensor(dtype, shape, place) for place, (dtype, shape) in enumerate(drawn)]
        names = [f"{word}{place}" for place in range(len(arrays))]
        layout = layout_of((word, number), names, arrays)
        frame = Frame(Kind.INFER, number, number / 3, layout, b'["%d"]' % number)
        data += b"".join(pack(frame, [chunk_of(each) for each in arrays], None))
        sent.append((frame, names, arrays))
    unpacker, came, place = Unpacker(None), [], 0
    while data:
        size, place = pieces[place % len(pieces)], place + 1
        came += unpacker.feed(data[:size])
        data = data[size:]
    assert len(came) == len(sent)
    for frame, (wanted, names, arrays) in zip(came, sent, strict=True):
        assert (frame.kind, frame.number, frame.stamp) == (wanted.kind, wanted.number, wanted.stamp)
        assert frame.told() == [str(frame.number)]
        about, found_names, found = frame.tensors()
        assert about == (word, frame.number)
        assert found_names == names
        for one, other in zip(found, arrays, strict=True):
            assert one.shape == other.shape
            assert one.tolist() == other.tolist()
            assert one.dtype == other.dtype or other.dtype.kind == "O"


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 32, b"\0" * 32, (33).to_bytes(4, "little") + bytes(40)],
    ids=["too long", "empty", "not a multiple of 8"],
)
def test_what_is_no_frame_is_told(data: bytes) -> None:
    with pytest.raises(BrokenLine):
        list(Unpacker(None).feed(data))


@pytest.mark.parametrize("spoil", [8, 72], ids=["a tensor longer than its frame", "a place in no memory"])
def test_tensors_that_do_not_fit_are_told(spoil: int) -> None:
    array = np.arange(4.0)
    whole = Frame(Kind.INFER, 1, 0.0, layout_of(("m",), ["x"], [array]))
    data = bytearray(b"".join(pack(whole, [chunk_of(array)], None)))
    start = len(data) - array.nbytes - 16
    data[start + (0 if spoil == 8 else 8)] = 255
    with pytest.raises(BrokenLine):
        [frame.tensors() for frame in Unpacker(None).feed(bytes(data))]


@given(st.lists(st.one_of(st.integers(0, 900), st.none()), max_size=60))
def test_places_never_overlap_and_all_come_back(steps: list[int | None]) -> None:
    places, taken = Places(4096), []
    for size in steps:
        if size is None:
            if taken:
                places.give(taken.pop(len(taken) // 2)[0])
            continue
        start = places.take(size)
        if start is None:
            continue
        assert start % 64 == 0
        assert start + size <= 4096
        assert all(start + max(size, 1) <= other or other + length <= start for other, length in taken)
        taken.append((start, max(size, 1)))
    for start, _ in taken:
        places.give(start)
        places.give(start)  # a second time changes nothing
    assert not places.taken
    assert places.take(4096) == 0


def test_the_last_look_frees_a_place() -> None:
    descriptor, freed = create("test", 1 << 20), []
    writer, reader = Writer(descriptor), Reader(descriptor, freed.append)
    os.close(descriptor)
    array = np.arange(SHARED, dtype=np.float64)
    start = writer.put(chunk_of(array))
    view = reader.view(start, array.nbytes).view(np.float64)
    assert np.array_equal(view, array)
    row = view[5:6]
    del view
    assert freed == []
    assert row[0] == 5
    del row
    assert freed == [start]
    assert writer.put(bytes(2 << 20)) is None
    with pytest.raises(ValueError, match="buffer"):
        reader.view((1 << 20) - 8, 64)
