"""Messages and arrays cross whole, and nothing from the other side is believed."""

from __future__ import annotations

import os
import socket
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seatrial.runtimes import _wire

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64"]
plain = arrays.arrays(
    dtype=st.sampled_from(DTYPES).map(np.dtype),
    shape=arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@given(st.lists(plain, max_size=5))
def test_arrays_come_out_as_they_went_in(given_arrays):
    arena = _wire.Arena.create("test")
    try:
        back = arena.read(arena.write(given_arrays), copy=True)
    finally:
        arena.close()
    assert [each.dtype for each in back] == [each.dtype for each in given_arrays]
    for one, other in zip(given_arrays, back, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_layouts_and_byte_orders_arrive_plain():
    arena = _wire.Arena.create("test")
    strange = np.arange(24, dtype=">f4").reshape(2, 3, 4).transpose(2, 0, 1)[::-1]
    (back,) = arena.read(arena.write([strange]), copy=True)
    np.testing.assert_array_equal(back, strange)
    assert back.dtype == np.float32
    assert back.flags.c_contiguous
    arena.close()


def test_texts_cross_too():
    arena = _wire.Arena.create("test")
    (back,) = arena.read(arena.write([np.array([["你好", "b"]], dtype=object)]), copy=True)
    assert back.tolist() == [["你好", "b"]]
    arena.close()


def test_texts_among_numbers_keep_their_places():
    arena = _wire.Arena.create("test")
    given_arrays = [np.arange(3), np.array(["a"], dtype=object), np.zeros((0, 2)), np.ones(2, "float32")]
    back = arena.read(arena.write(given_arrays), copy=True)
    assert [each.tolist() for each in back] == [[0, 1, 2], ["a"], [], [1, 1]]
    arena.close()


def test_what_is_told_of_arrays_of_one_kind_is_one_frame_and_other_words_are_not_mixed_up():
    arena, (ours, theirs) = _wire.Arena.create("test"), socket.socketpair()
    with ours, theirs:
        for names, array in (
            (("a",), np.ones(2)),
            (("b",), np.ones(2)),
            (("a",), np.ones(3)),
            ((1,), np.ones(2)),
        ):
            message = {"op": "run", "names": names, "arrays": arena.write([array])}
            for _ in range(2):
                _wire.send(ours, message)
                told, _ = _wire.receive(theirs)
                assert told == {**message, "names": list(names), "arrays": list(message["arrays"])}
        _wire.send(ours, {"traced": [["a"]], "arrays": arena.write([np.ones(2)])})
        assert _wire.receive(theirs)[0]["traced"] == [["a"]]
    arena.close()


def test_it_grows_and_is_used_again():
    writer = _wire.Arena.create("test")
    reader = _wire.Arena(os.dup(writer.descriptor))
    for count in (1, 1 << 20, 7):
        array = np.arange(count, dtype="float32")
        np.testing.assert_array_equal(reader.read(writer.write([array]), copy=False)[0], array)
    assert os.fstat(writer.descriptor).st_size >= 4 << 20
    writer.close()
    writer.close()
    reader.close()


def test_the_other_side_cannot_pull_the_pages_away():
    arena = _wire.Arena.create("test")
    arena.write([np.zeros(1 << 20)])
    with pytest.raises(PermissionError):
        os.ftruncate(arena.descriptor, 0)
    arena.close()


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "<f4", "shape": [1 << 40], "offset": 0},
        {"dtype": "<f4", "shape": [4], "offset": -64},
        {"dtype": "<f4", "shape": [-4, -4], "offset": 0},
        {"dtype": "O", "shape": [1], "offset": 0},
    ],
)
def test_an_array_outside_the_memory_is_refused(entry):
    arena = _wire.Arena.create("test")
    arena.write([np.zeros(16, "float32")])
    with pytest.raises(_wire.WireError):
        arena.read([entry], copy=True)
    arena.close()


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.integers())))
def test_messages_come_out_as_they_went_in(message):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _wire.send(ours, message)
        assert _wire.receive(theirs) == (message, [])


def test_a_message_may_be_large_and_bring_files():
    ours, theirs = socket.socketpair()
    read, write = os.pipe()
    with ours, theirs:
        _wire.send(ours, {"a": "x" * 50_000}, descriptors=[read, write])
        message, files = _wire.receive(theirs, descriptors=2)
    assert len(message["a"]) == 50_000
    assert len(files) == 2
    for each in (read, write, *files):
        os.close(each)


@pytest.mark.parametrize("raw", [b"\x02\0\0\0[]", b"\x03\0\0\0{]}", b"\xff\xff\xff\xff"])
def test_what_is_no_message_is_refused(raw):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(raw)
        with pytest.raises(_wire.WireError):
            _wire.receive(theirs)


def test_a_line_that_is_cut_and_one_that_is_silent():
    ours, theirs = socket.socketpair()
    with theirs:
        with pytest.raises(TimeoutError):
            _wire.receive(theirs, deadline=time.monotonic() + 0.01)
        ours.sendall(b"\x09\0\0\0{")
        ours.close()
        with pytest.raises(EOFError):
            _wire.receive(theirs)
        with pytest.raises(EOFError):
            _wire.receive(theirs)
