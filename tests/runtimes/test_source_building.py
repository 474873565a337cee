"""Code of sources is built in workers: what it does wrong is told with its own line, and no pickle runs."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from seatrial.runtimes._source import SourceError, Told, built, fitted, flat, inner, read_paddle
from support.sources import Touches


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def make(code, name="Net", file="net_under_test.py", **arguments):
        (tmp_path / file).write_text(code, "utf-8")
        source = Told("torch", (file,), name, arguments, "", ())
        return built(str(tmp_path / "net.source.yaml"), source, str(tmp_path / "scratch"))

    yield make
    for each in set(sys.modules) - before:
        del sys.modules[each]


def test_a_class_is_built_with_its_arguments(build):
    made = build("class Net:\n    def __init__(self, width):\n        self.width = width\n", width=3)
    assert made.width == 3


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("class Other: pass\n", "no class 'Net'; its classes are: Other"),
        (
            "class Net:\n    def __init__(self):\n        raise RuntimeError('no license')\n",
            "line 3): RuntimeError: no",
        ),
        ("x = 1 / 0\n", "importing net_under_test.py fails (net_under_test.py line 1): ZeroDivisionError"),
        ("import blocks_not_listed\n", "list that file under 'code' too"),
        ("class Net:\n    def __init__(self):\n        raise SystemExit(3)\n", "SystemExit: 3"),
        (
            "class Net:\n    def __init__(self, width): pass\n",
            "missing 1 required positional argument: 'width'",
        ),
    ],
    ids=["no class", "raises", "import", "sibling", "exits", "argument"],
)
def test_what_code_does_wrong_is_told_with_its_line(code, said, build):
    with pytest.raises(SourceError) as caught:
        build(code)
    assert said in str(caught.value)


def test_a_file_named_like_a_module_is_refused(build):
    with pytest.raises(SourceError, match="rename it"):
        build("class Net: pass\n", file="json.py")


def test_weights_that_do_not_fit_are_named():
    own = {"a": (2, 3), "b": (4,), "c": (1,)}
    fitted(own, dict(own))
    with pytest.raises(SourceError) as caught:
        fitted(own, {"a": (3, 2), "b": (4,), "d": (1,)})
    said = str(caught.value)
    assert "1 missing in the checkpoint: c" in said
    assert "1 not in the class: d" in said
    assert "a [3, 2] instead of [2, 3]" in said


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not(tmp_path):
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps({"w": Touches(tmp_path / "ran")}))
    with pytest.raises(SourceError, match=r"mkdir; it was not executed"):
        read_paddle(str(tmp_path / "w.pdparams"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_are_read_by_every_protocol(protocol, tmp_path):
    arrays = {
        "w": np.arange(6, dtype="float32").reshape(2, 3),
        "StructuredToParameterName@@": {"w": "linear_0.w_0"},
    }
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps(arrays, protocol=protocol))
    found = read_paddle(str(tmp_path / "w.pdparams"))
    assert list(found) == ["w"]
    np.testing.assert_array_equal(found["w"], arrays["w"])


@pytest.mark.parametrize("data", [b"", b"\x80\x04", pickle.dumps([1, 2]), pickle.dumps({"w": "text"})])
def test_what_holds_no_weights_is_refused(data, tmp_path):
    (tmp_path / "w.pdparams").write_bytes(data)
    with pytest.raises(SourceError):
        read_paddle(str(tmp_path / "w.pdparams"))


def test_weights_are_found_under_the_usual_keys():
    is_text = lambda each: isinstance(each, str)  # noqa: E731 - a stand-in for a tensor's class
    assert inner({"model_state_dict": {"module.a": "x"}, "epoch": 3}, is_text) == {"a": "x"}
    assert inner({"a": "x"}, is_text) == {"a": "x"}


def test_answers_are_flattened_in_order():
    assert flat({"a": 1, "b": [2, (3, None)]}) == [1, 2, 3]
