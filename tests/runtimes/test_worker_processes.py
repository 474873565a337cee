"""A worker may die in every way an engine knows; its session says how, and nothing else is harmed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from seatrial.errors import ContractViolation, EngineFailure, MissingDependency, UsageError
from seatrial.runtimes import SessionOptions, _launch
from seatrial.runtimes._client import WorkerSession
from support.fake_runtime import ARTIFACT, FAKE, ROOTS

GOOD = {"x": np.ones((3, 2), "float32")}


def told(code):
    return {"x": np.full((1, 2), code, "float32")}


def opened(**options):
    return WorkerSession(ARTIFACT, FAKE, SessionOptions(**{"timeout": 20.0, **options}))


@pytest.fixture(scope="module", autouse=True)
def _end():
    yield
    _launch.end_all()


def test_a_session_answers_traces_differentiates_and_tells():
    with opened(threads=2) as session:
        for batch in (1, 2, 7):
            feeds = {"x": np.random.default_rng(batch).random((batch, 2), "float32")}
            np.testing.assert_array_equal(session.run(feeds)[0], feeds["x"] * 2)
        assert [(each.label, each.value.dtype.name) for each in session.trace(GOOD)] == [
            ("double:0", "float32"),
            ("flag:1", "bool"),
        ]
        assert session.gradients(GOOD, of="x", output=0, index=[0, 1, 0]).tolist() == [[2, 2]] * 3
        assert session.time(GOOD, repeat=5).shape == (5,)
        exercise = session.exercise
        assert (exercise.runtime, exercise.threads, exercise.precision) == ("fake 1.0", 2, "float32")
        assert exercise.operators == {"double": 1}
        used = session.resources()
        assert used.rss > 1 << 20
        assert used.threads == 1


def test_an_exception_harms_nobody():
    with opened() as session:
        with pytest.raises(EngineFailure) as caught:
            session.run(told(-1))
        assert caught.value.kind == "exception"
        assert "does not like this" in caught.value.message
        assert "model.fake" in caught.value.message
        assert "x: float32[1, 2] in -1..-1" in caught.value.message
        assert "inside.cc" not in caught.value.message
        assert session.run(GOOD)[0].shape == (3, 2)


@pytest.mark.parametrize(
    ("code", "kind", "name", "words"),
    [
        (-2, "signal", "SIGSEGV", "something went wrong at the very end"),
        (-3, "signal", "SIGABRT", "was killed by SIGABRT"),
        (-5, "memory", "", "no room"),
        (-6, "signal", "", "exit code 3"),
        (-7, "memory", "", "ran out of memory"),
    ],
)
def test_a_death_is_told_and_final(code, kind, name, words):
    with opened() as session, opened() as neighbor:
        with pytest.raises(EngineFailure) as caught:
            session.run(told(code))
        assert (caught.value.kind, caught.value.signal_name) == (kind, name)
        assert words in caught.value.message
        assert caught.value.hint
        with pytest.raises(EngineFailure, match="since an earlier call") as again:
            session.run(GOOD)
        assert again.value.kind == kind
        assert not session.alive
        np.testing.assert_array_equal(neighbor.run(GOOD)[0], GOOD["x"] * 2)


def test_a_hang_is_ended():
    with opened(timeout=0.3) as session:
        begin = time.monotonic()
        with pytest.raises(EngineFailure, match=r"within 0.3 s") as caught:
            session.run(told(-4))
        assert caught.value.kind == "timeout"
        assert time.monotonic() - begin < 5


def test_the_time_limit_holds_for_each_run_not_for_all():
    with opened(timeout=1.0) as session:
        # 0.5 s is when the worker first gives a sign of life.
        seconds = session.time(GOOD, repeat=300_000)
        assert seconds.sum() > 0
        assert session.run(GOOD)


def test_memory_is_limited():
    with opened(memory_limit=200 << 20) as session:
        with pytest.raises(EngineFailure) as caught:
            session.run(told(-8))
        assert caught.value.kind == "memory"
        assert "200 MiB" in caught.value.hint


def test_processor_time_is_limited():
    with opened(cpu_limit=1) as session:
        with pytest.raises(EngineFailure, match="CPU seconds") as caught:
            session.run(told(-10))
        assert caught.value.kind == "timeout"


def test_a_failing_load_is_told_and_leaves_nothing():
    before = _children()
    with pytest.raises(EngineFailure, match="while loading it") as caught:
        opened(engine={"mood": "SIGSEGV"})
    assert caught.value.signal_name == "SIGSEGV"
    _wait_for(lambda: _children() == before)


def test_a_chatty_engine_neither_hangs_nor_grows():
    with opened() as session:
        for _ in range(3):
            session.run(told(-11))
        assert os.fstat(session._worker.stderr).st_size < 7 << 20


def test_usage_errors_cross_as_such():
    with opened() as session:
        with pytest.raises(UsageError, match="not with this engine") as caught:
            session.run(told(-9))
        assert caught.value.hint == "another one"
        with pytest.raises(UsageError, match="no input 'y'"):
            session.gradients(GOOD, of="y", output=0, index=[0])


def test_feeds_are_checked_before_they_cross():
    with opened() as session, pytest.raises(ContractViolation):
        session.run({"x": np.ones((1, 3), "float32")})
    with WorkerSession(ARTIFACT, FAKE, SessionOptions(), checked=False) as session:
        assert session.run({"x": np.ones((1, 3), "float32")})[0].shape == (1, 3)


def test_one_session_serves_one_thread():
    with opened(timeout=5) as session:
        errors = []
        slow = threading.Thread(target=lambda: session.time(GOOD, repeat=100_000))
        slow.start()
        _wait_for(session._busy.locked)
        try:
            session.run(GOOD)
        except UsageError as error:
            errors.append(error)
        slow.join()
        assert "one session serves one thread" in errors[0].message


def test_two_sessions_serve_two_threads():
    results = {}

    def serve(value):
        with opened() as session:
            feeds = {"x": np.full((4, 2), value, "float32")}
            results[value] = all((session.run(feeds)[0] == 2 * value).all() for _ in range(50))

    threads = [threading.Thread(target=serve, args=(value,)) for value in (3, 5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert results == {3: True, 5: True}


def test_close_is_idempotent_and_ends_the_process():
    session = opened()
    pid, scratch = session.pid, session._worker.scratch
    session.close()
    session.close()
    _wait_for(lambda: not psutil.pid_exists(pid))
    assert not scratch.exists()
    with pytest.raises(UsageError, match="closed"):
        session.run(GOOD)


def test_a_worker_killed_from_outside_is_noticed():
    with opened() as session:
        os.kill(session.pid, signal.SIGTERM)
        with pytest.raises(EngineFailure) as caught:
            session.run(GOOD)
        assert caught.value.signal_name == "SIGTERM"


def test_unknown_switches_and_interpreters_are_refused():
    with pytest.raises(UsageError, match="no switch 'speed'") as caught:
        opened(engine={"speed": 11})
    assert "mood" in caught.value.hint
    with pytest.raises(UsageError, match="takes a str"):
        opened(engine={"mood": 3})
    with pytest.raises(UsageError, match="cannot be started"):
        opened(engine={"python": "/no/such/python"})


def test_another_interpreter_is_used_when_named(tmp_path):
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\ntouch {tmp_path}/used\nexec {sys.executable} "$@"\n', "utf-8")
    wrapper.chmod(0o755)
    with opened(engine={"python": str(wrapper)}) as session:
        assert session.run(GOOD)
    assert (tmp_path / "used").exists()


def test_an_engine_that_cannot_be_imported_names_the_extra(tmp_path):
    wrapper = tmp_path / "python"
    wrapper.write_text("#!/bin/sh\necho no such engine >&2\nexit 1\n", "utf-8")
    wrapper.chmod(0o755)
    with pytest.raises(MissingDependency, match="no such engine") as caught:
        opened(engine={"python": str(wrapper)})
    assert "seatrial[fake]" in caught.value.hint


def test_a_dead_zygote_is_replaced():
    with opened() as session:
        zygote = psutil.Process(session.pid).parent()
        zygote.kill()
        _wait_for(lambda: not _running(session.pid))
        with pytest.raises(EngineFailure):
            session.run(GOOD)
    with opened() as session:
        assert session.run(GOOD)


def test_nothing_outlives_its_owner(tmp_path):
    """An owner killed without a chance to clean up leaves no process and no file behind."""
    script = tmp_path / "owner.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path[:0] = {ROOTS!r} + [{str(Path(__file__).parent)!r}]\n"
        "from test_worker_processes import opened\n"
        "session = opened()\n"
        "print(session.pid, session._worker.scratch, flush=True)\n"
        "time.sleep(60)\n",
        "utf-8",
    )
    owner = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    told, folder = owner.stdout.readline().split()
    worker, zygote = int(told), psutil.Process(int(told)).ppid()
    owner.kill()
    owner.wait()
    owner.stdout.close()
    _wait_for(lambda: not psutil.pid_exists(worker) and not _running(zygote))
    assert not Path(folder).parent.exists()


def test_a_process_forked_from_the_owner_leaves_the_worker_alone():
    with opened() as session:
        pid = os.fork()
        if pid == 0:
            session.close()
            os._exit(0)
        os.waitpid(pid, 0)
        assert session.run(GOOD)


def _running(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _children():
    return {each.pid for each in psutil.Process().children(recursive=True) if _running(each.pid)}


def _wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
