"""An engine in another program fails in every way that programs fail, and its session says how."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seatrial.errors import EngineFailure, UsageError
from seatrial.runtimes import SessionOptions, _launch
from seatrial.runtimes._client import WorkerSession
from seatrial.runtimes._far import link
from support.fake_runtime import ARTIFACT
from support.side_engine import SIDE

GOOD = {"x": np.ones((3, 2), "float32")}


def told(code):
    return {"x": np.full((1, 2), code, "float32")}


def opened(mood="", **options):
    engine = {"mood": mood, **options.pop("engine", {})}
    return WorkerSession(
        ARTIFACT, SIDE, SessionOptions(engine=engine, **{"timeout": 20.0, **options}), checked=False
    )


@pytest.fixture(scope="module", autouse=True)
def _end():
    yield
    _launch.end_all()


def test_it_answers_and_tells():
    with opened() as session:
        for batch in (1, 2, 7):
            feeds = {"x": np.random.default_rng(batch).random((batch, 2), "float32")}
            np.testing.assert_array_equal(session.run(feeds)[0], feeds["x"] * 2)
        exercise = session.exercise
        assert (exercise.threads, exercise.operators) == (3, {"double": 1})
        assert "from beside" in exercise.notes
        with pytest.raises(UsageError, match="cannot be traced"):
            session.trace(GOOD)


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int64", "uint64", "float16", "float64", "complex64"]
)
def test_every_kind_of_number_crosses(dtype):
    with opened() as session:
        given_arrays = [
            np.array([[0, 1], [1, 0]]).astype(dtype),
            np.zeros((0, 3), dtype),
            np.array(1).astype(dtype),
            np.asfortranarray(np.arange(6).reshape(2, 3)).astype(dtype),
        ]
        answers = session.run({str(place): each for place, each in enumerate(given_arrays)})
    for array, answer in zip(given_arrays, answers, strict=True):
        assert (answer.dtype, answer.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(answer, array if dtype == "bool" else array * 2)


def test_values_that_are_no_finite_numbers_cross():
    with opened() as session:
        strange = np.array([[np.nan, np.inf, -np.inf, -0.0, 1e-45]], "float32")
        assert session.run({"x": strange})[0].tobytes() == (strange * 2).tobytes()


def test_a_scalar_stays_one_and_a_transposed_answer_is_in_order():
    with opened("scalar") as session:
        scalar, turned = session.run({"x": np.arange(6, dtype="float32").reshape(2, 3)})
    assert scalar.shape == ()
    assert float(scalar) == 1.5
    np.testing.assert_array_equal(turned, [[0, 3], [1, 4], [2, 5]])


@pytest.mark.slow
def test_large_arrays_cross():
    with opened() as session:
        large = np.random.default_rng(1).random((16, 1 << 20), "float32")  # 64 MB: far above any pipe
        np.testing.assert_array_equal(session.run({"x": large})[0], large * 2)


@pytest.mark.parametrize("mood", ["words", "objects"])
def test_an_answer_of_no_numbers_is_refused_and_the_session_goes_on(mood):
    with opened(mood) as session:
        for _ in range(2):
            with pytest.raises(EngineFailure, match="which are no numbers") as caught:
                session.run(GOOD)
            assert caught.value.kind == "exception"


def test_an_exception_leaves_the_session_good():
    with opened() as session:
        with pytest.raises(EngineFailure, match="a shape it does not like") as caught:
            session.run(told(-1))
        assert caught.value.kind == "exception"
        assert "x: float32[1, 2]" in caught.value.message
        assert session.run(GOOD)


def test_what_the_program_prints_gets_into_no_answer():
    with opened() as session:
        assert session.run(told(-11))[0].tolist() == [[-22, -22]]


def test_a_load_that_is_refused():
    with pytest.raises(EngineFailure, match="this is no model") as caught:
        opened("refuse")
    assert caught.value.kind == "exception"
    assert "while loading it" in caught.value.message


def test_a_death_while_loading_is_named():
    with pytest.raises(EngineFailure) as caught:
        opened("die")
    assert (caught.value.kind, caught.value.signal_name) == ("signal", "SIGILL")


@pytest.mark.parametrize("program", ["/no/such/program", "/etc/passwd"])
def test_a_program_that_cannot_be_started(program):
    with pytest.raises(UsageError, match=f"'{Path(program).name}' cannot be started"):
        opened(engine={"program": program})


@pytest.mark.parametrize(
    ("code", "kind", "signal_name", "words"),
    [
        (-2, "signal", "SIGSEGV", "was killed by SIGSEGV"),
        (-3, "signal", "", "ended without an answer"),
        (-5, "memory", "", "ran out of memory"),
        (-6, "signal", "", "did not speak as agreed"),
        (-7, "signal", "SIGBUS", "was killed by SIGBUS"),
        (-8, "signal", "", "of less than nothing"),
        (-9, "signal", "", "arrays of no numbers"),
        (-10, "signal", "", "did not speak as agreed"),
        (-12, "signal", "", "ended without an answer"),
    ],
)
def test_an_end_in_the_middle_is_told(code, kind, signal_name, words):
    with opened() as session:
        session.run(GOOD)
        begin = time.monotonic()
        with pytest.raises(EngineFailure) as caught:
            session.run(told(code))
        assert time.monotonic() - begin < 15
        assert (caught.value.kind, caught.value.signal_name) == (kind, signal_name)
        assert words in caught.value.message
        with pytest.raises(EngineFailure, match="gone since an earlier call"):
            session.run(GOOD)


@pytest.mark.parametrize("mood", ["", "hang"])
def test_a_hang_times_out(mood):
    with pytest.raises(EngineFailure) as caught, opened(mood, timeout=1.5) as session:
        session.run(told(-4))
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize("end", ["close", "kill"])
def test_the_program_ends_with_its_session(end):
    with opened("pid") as session:
        program = int(session.run(GOOD)[0][0])
        assert psutil.Process(program).ppid() == session.pid
        if end == "kill":
            psutil.Process(session.pid).kill()
    until = time.monotonic() + 10
    while psutil.pid_exists(program) and time.monotonic() < until:
        time.sleep(0.01)
    assert not psutil.pid_exists(program)


def framed(message, found):
    sink = io.BytesIO()
    link.write(sink, message, found)
    return sink.getvalue()


@given(
    st.lists(
        arrays.arrays(
            st.sampled_from(["bool", "int8", "uint16", "int64", "float16", "float32", "complex128"]),
            arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        ),
        max_size=3,
    ),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
def test_what_is_read_is_what_was_written(found, message):
    message.pop("arrays", None)
    read, back = link.read(io.BytesIO(framed(message, found)))
    assert read == message
    assert [(each.dtype, each.shape, each.tobytes()) for each in back] == [
        (each.dtype, each.shape, each.tobytes()) for each in found
    ]


@given(st.data())
def test_a_frame_that_is_cut_off_or_changed_is_never_half_an_answer(data):
    whole = framed({"op": "run", "names": ["x"]}, [np.arange(6, dtype="float32")])
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(link.LinkError):
        link.read(io.BytesIO(whole[:cut]))
    assert link.read(io.BytesIO(b"")) is None


@pytest.mark.parametrize(
    "frame",
    [
        b"Traceback (most recent call last)",
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xff",
        b"\x02\x00\x00\x00[]",
        b"\x03\x00\x00\x00\xff\xfe\xfd",
        (lambda text: len(text).to_bytes(4, "little") + text)(json.dumps({"arrays": [["<f4"]]}).encode()),
        (lambda text: len(text).to_bytes(4, "little") + text)(json.dumps({"arrays": [["?!", [1]]]}).encode()),
    ],
    ids=["text", "nothing", "huge", "list", "no-text", "no-shape", "no-dtype"],
)
def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(link.LinkError):
        link.read(io.BytesIO(frame))
