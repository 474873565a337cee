"""A check names what its answer rests on; else it would be given an answer that is out of date."""

from __future__ import annotations

import sys
from dataclasses import fields

import pytest

from seatrial.checks import Trial, all_checks
from seatrial.checks._gate import run_check
from seatrial.contract import HeldOut
from support.toy_model import Toy, samples

TOY = Toy()


def watching(kind, value, names, seen):
    """A copy of a dataclass value that notes who asks for some of its fields; copying it is no asking."""

    class Watched(kind):
        def __getattribute__(self, name):
            if name in names and sys._getframe(1).f_globals["__name__"] != "dataclasses":
                seen.add(name)
            return super().__getattribute__(name)

    return Watched(**{each.name: getattr(value, each.name) for each in fields(value)})


def looked_at(check, folder):
    trial = TOY.trial(folder, members=samples(TOY.images[:40], TOY.truth[:40]))
    seen = set()
    object.__setattr__(trial, "held_out", watching(HeldOut, trial.held_out, {"members"}, seen))
    run_check(check, watching(Trial, trial, {"delivered"}, seen))
    return seen


@pytest.mark.parametrize("check", all_checks(), ids=lambda each: each.name)
def test_a_check_looks_at_nothing_it_does_not_name(check, tmp_path):
    if check.reads:
        assert looked_at(check, tmp_path) <= check.reads


def test_looking_is_noticed(tmp_path):
    named = {each.name: each for each in all_checks()}
    assert looked_at(named["security"], tmp_path) == {"delivered", "members"}
    assert looked_at(named["structure"], tmp_path) == {"delivered"}
