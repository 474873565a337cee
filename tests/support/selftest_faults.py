"""Faults for the tests of the self-test: some that reading sees, some that break the self-test itself."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.checks import load_profile
from seatrial.contract import draft_contract
from seatrial.faults import Fault, Good, NotApplicable, Release
from seatrial.model import open_model
from seatrial.selftest import Subject
from seatrial.text import Text
from support.models import pdiparams, weights, write_paddle_json

# These read files and start no engine.
READING = ("structure", "weights")


def _with_weights(good: Good, folder: Path, **changed: Any) -> Release:
    graph = write_paddle_json(folder, params=pdiparams({**weights(), **changed}))
    return replace(good.release, model=graph)


def _one_nan(good: Good, folder: Path, seed: int) -> Release:
    filters = weights()["conv.w_0"]
    filters.flat[seed] = np.nan
    return _with_weights(good, folder, **{"conv.w_0": filters})


def _one_bit(good: Good, folder: Path, seed: int) -> Release:
    filters = weights()["conv.w_0"]
    filters.view(np.uint32).flat[seed] ^= 1
    return _with_weights(good, folder, **{"conv.w_0": filters})


def _nothing(good: Good, folder: Path, seed: int) -> Release:
    return _with_weights(good, folder)


def _no_graph(good: Good, folder: Path, seed: int) -> Release:
    return replace(good.release, model=folder / "gone.json")


def _label_twice(good: Good, folder: Path, seed: int) -> Release:
    return replace(good.release, contract=replace(good.contract, labels=("cat", "cat")))


def _labels_not_vouched_for(good: Good, folder: Path, seed: int) -> Release:
    pinned = {**good.contract.fingerprints, "labels": "sha256:" + "0" * 64}
    return replace(good.release, contract=replace(good.contract, labels=("a", "b"), fingerprints=pinned))


def _impossible(good: Good, folder: Path, seed: int) -> Release:
    raise NotApplicable("this model has no such part")


def _bug(good: Good, folder: Path, seed: int) -> Release:
    raise ZeroDivisionError("a slip of the author")


def _kills(good: Good, folder: Path, seed: int) -> Release:
    os.write(2, b"these are my last words\n")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def _hangs(good: Good, folder: Path, seed: int) -> Release:
    time.sleep(600)
    raise AssertionError("unreachable")


def _exits(good: Good, folder: Path, seed: int) -> Release:
    os._exit(3)


def _fault(name: str, make: Any, *checks: str, **more: Any) -> Fault:
    return Fault(name, Text(f"release {name}", f"发布 {name}"), "weights", frozenset(checks), make, **more)


def catalogue() -> dict[str, Fault]:
    """The faults, by name."""
    only_digest = Text("float32 does not show it", "float32 无法显示")
    listed = (
        _fault("one-nan", _one_nan, "weights", number="F14"),
        _fault("one-bit", _one_bit, "structure", number="F09", identity_only=only_digest),
        _fault("nothing-wrong", _nothing, "weights"),
        _fault("no-graph", _no_graph, "structure"),
        _fault("label-twice", _label_twice, "interface"),
        _fault("labels-not-vouched-for", _labels_not_vouched_for, "interface"),
        _fault("impossible", _impossible, "weights"),
        _fault("of-members", _nothing, "security", needs=frozenset({"members"})),
        _fault("bug", _bug, "weights"),
        _fault("kills", _kills, "weights"),
        _fault("hangs", _hangs, "weights"),
        _fault("exits", _exits, "weights"),
    )
    return {each.name: each for each in listed}


def small_subject(folder: Path) -> Subject:
    """A good release of a network of 5 tensors, and 4 samples."""
    graph = write_paddle_json(folder / "model")
    np.savez(folder / "held_out.npz", image=np.zeros((4, 1, 4, 4), np.float32))
    artifact = open_model(graph)
    return Subject(
        model=graph.parent,
        data=folder / "held_out.npz",
        contract=draft_contract(artifact.inputs, artifact.outputs, "small"),
        profile=load_profile("cpu-server"),
        catalogue=catalogue,
    )
