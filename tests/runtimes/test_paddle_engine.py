"""The Paddle engine's decisions, shown on a stand-in: other versions do what this one does not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.runtimes import paddle as module
from seatrial.runtimes._engine import Task
from seatrial.runtimes.paddle import PaddleEngine

BUG = "(Unimplemented) ConvertPirAttribute2RuntimeAttribute not support [pir::ArrayAttribute]"
PIR_CALLS = [
    ("pd_op.conv2d:0", "0xabc_inner_var_3", 1.0),
    ("pd_op.batch_norm_:1", "bn.w_1", 9.0),
    ("pd_op.batch_norm_:1", "0xabc_inner_var_4", 2.0),
    ("pd_op.split:2", "0xabc_inner_var_5", 3.0),
    ("pd_op.split:2", "0xabc_inner_var_6", 4.0),
]
OLD_CALLS = [("conv2d", "conv.tmp_0", 1.0), ("batch_norm", "bn.w_1", 9.0), ("relu", "relu.tmp_0", 2.0)]


class StandIn:
    """Config, handles and predictor of `paddle.inference`, as far as the engine calls them."""

    def __init__(self, *, fails_in="", calls=(), version="3.3.1"):
        self.fails_in, self.calls, self.version = fails_in, calls, version
        self.configs = []

    def modules(self, name, *, extra):
        assert extra == "paddle"
        if name == "paddle":
            return SimpleNamespace(__version__=self.version)
        return SimpleNamespace(Config=self.config, create_predictor=self.create_predictor)

    def config(self, graph, weights):
        said = SimpleNamespace(
            graph=graph, weights=weights, passes=[], onednn=None, bfloat16=False, int8=False
        )
        said.disable_gpu = said.disable_glog_info = lambda: None
        said.set_cpu_math_library_num_threads = lambda count: setattr(said, "threads", count)
        said.cpu_math_library_num_threads = lambda: said.threads
        said.switch_ir_optim = lambda on: setattr(said, "optimized", on)
        said.enable_mkldnn = lambda: setattr(said, "onednn", True)
        said.disable_mkldnn = lambda: setattr(said, "onednn", False)
        said.enable_mkldnn_bfloat16 = lambda: setattr(said, "bfloat16", True)
        said.enable_mkldnn_int8 = lambda: setattr(said, "int8", True)
        said.delete_pass = said.passes.append
        said.use_gpu = lambda: False
        self.configs.append(said)
        return said

    def _maybe_fail(self, config, when):
        if self.fails_in == when and config.onednn and not config.passes:
            raise RuntimeError(BUG)

    def create_predictor(self, config):
        self._maybe_fail(config, "create")
        hooks = []

        def run():
            self._maybe_fail(config, "run")
            for hook in hooks:
                for operator, tensor, value in self.calls:
                    hook(operator, tensor, np.float32([value]))

        handle = SimpleNamespace(
            reshape=lambda _: None, copy_from_cpu=lambda _: None, copy_to_cpu=lambda: np.float32([7])
        )
        return SimpleNamespace(
            get_input_names=lambda: ["x"],
            get_output_names=lambda: ["y"],
            get_input_handle=lambda _: handle,
            get_output_handle=lambda _: handle,
            register_output_hook=hooks.append,
            run=run,
        )


@pytest.fixture
def engine(monkeypatch, tmp_path):
    def make(stand_in, **changes):
        monkeypatch.setattr(lazy, "load", stand_in.modules)
        task = {
            "graph": str(tmp_path / "odd_name"),
            "weights": str(tmp_path / "odd_weights"),
            "format": "paddle-json",
            "inputs": ["x"],
            "parameters": ["bn.w_1"],
            "native": "float32",
            "threads": 2,
            "precision": "float32",
            "optimize": True,
            "engine": {},
            "scratch": str(tmp_path),
        }
        made = PaddleEngine()
        made.load(Task(**{**task, **changes}))
        return made

    return make


FEEDS = {"x": np.zeros((2, 1), "float32")}


@pytest.mark.parametrize("moment", ["create", "run"])
def test_the_interpolation_bug_of_3_3_is_worked_around_and_told(engine, moment):
    stand_in = StandIn(fails_in=moment)
    made = engine(stand_in)
    assert made.run(FEEDS)[0].tolist() == [7]
    assert stand_in.configs[-1].passes == ["onednn_placement_pass"]
    assert len(made.notes) == 1
    assert "Paddle#77340" in made.notes[0]
    assert made.run(FEEDS)
    assert len(made.notes) == 1


def test_other_failures_are_not_worked_around(engine):
    stand_in = StandIn()
    made = engine(stand_in)
    made._predictor.run = lambda: (_ for _ in ()).throw(ValueError("wrong shape"))
    with pytest.raises(ValueError, match="wrong shape"):
        made.run(FEEDS)
    assert len(stand_in.configs) == 1


def test_paddle_2_is_not_given_graphs_that_kill_it(engine):
    with pytest.raises(UsageError, match=r"Paddle 2\.6\.2 reads \.pdmodel"):
        engine(StandIn(version="2.6.2"))
    assert engine(StandIn(version="2.6.2"), format="paddle-pdmodel")


def test_files_get_the_suffixes_that_paddle_goes_by(engine):
    stand_in = StandIn()
    engine(stand_in)
    assert stand_in.configs[0].graph.endswith("model.json")
    assert stand_in.configs[0].weights.endswith("model.pdiparams")
    engine(stand_in, format="paddle-pdmodel", weights="")
    assert stand_in.configs[1].graph.endswith("model.pdmodel")
    assert stand_in.configs[1].weights == ""


def test_a_trace_is_plain_and_labels_are_stable(engine):
    stand_in = StandIn(calls=PIR_CALLS)
    traced = engine(stand_in).trace(FEEDS)
    assert stand_in.configs[-1].onednn is False
    assert stand_in.configs[-1].optimized is False
    # Parameters written in place are left out; a second output of one operator is numbered.
    assert [each.label for each in traced] == [
        "pd_op.conv2d:0",
        "pd_op.batch_norm_:1",
        "pd_op.split:2",
        "pd_op.split:2#2",
    ]
    assert [each.operator for each in traced] == ["conv2d", "batch_norm", "split", "split"]
    assert traced[0].tensor == "inner_var_3"


def test_the_labels_of_paddle_2_are_its_variables(engine):
    made = engine(StandIn(version="2.6.2", calls=OLD_CALLS), format="paddle-pdmodel")
    assert [(each.label, each.operator) for each in made.trace(FEEDS)] == [
        ("conv.tmp_0", "conv2d"),
        ("relu.tmp_0", "relu"),
    ]


def test_operators_are_told_after_the_first_run(engine):
    made = engine(StandIn(calls=PIR_CALLS))
    assert made.exercise()["operators"] == {}
    made.run(FEEDS)
    assert made.exercise() == {
        "threads": 2,
        "precision": "float32",
        "operators": {"pd_op.batch_norm_": 1, "pd_op.conv2d": 1, "pd_op.split": 1},
    }


@pytest.mark.parametrize(
    ("asked", "native", "flags", "switches", "runs", "noted"),
    [
        ("float32", "float32", (), {}, "float32", False),
        ("bfloat16", "float32", (), {}, "float32", True),
        ("bfloat16", "float32", ("avx512_bf16",), {}, "bfloat16", False),
        ("bfloat16", "float32", ("avx512_bf16",), {"onednn": False}, "float32", True),
        ("float16", "float32", ("avx512_bf16",), {}, "float32", True),
        ("int8", "float32", (), {}, "float32", True),
        ("int8", "int8", (), {}, "int8", False),
        ("float32", "int8", (), {}, "float32", True),
    ],
)
def test_only_the_precision_that_runs_is_claimed(
    engine, monkeypatch, asked, native, flags, switches, runs, noted
):
    monkeypatch.setattr(module, "_cpu_flags", lambda: frozenset(flags))
    stand_in = StandIn()
    made = engine(stand_in, precision=asked, native=native, engine=switches)
    assert made.exercise()["precision"] == runs
    assert bool(made.notes) == noted
    assert stand_in.configs[0].bfloat16 == (runs == "bfloat16")
    assert stand_in.configs[0].int8 == (runs == "int8")


def test_gradients_of_old_graphs_are_refused(engine):
    made = engine(StandIn(), format="paddle-pdmodel")
    with pytest.raises(UsageError, match=r"not for \.pdmodel"):
        made.gradients(FEEDS, "x", 0, [0, 0])
