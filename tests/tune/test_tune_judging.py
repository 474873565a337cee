"""Answers decide who may win: the same outputs, a proved drop, or out."""

from dataclasses import replace

import numpy as np
import pytest

from seatrial.errors import EngineFailure
from seatrial.tune import Drop
from seatrial.tune._judging import Judge, Watch, same_outputs
from seatrial.tune.space import Point, Setup
from support.tunings import judgment, variant

SCORE = judgment().score


def outputs(*values):
    return tuple((np.array([value], "float32"),) if value is not None else None for value in values)


class Scorer:
    """Answers as it is told for each runtime."""

    def __init__(self, **told):
        self.told, self.asked = told, []

    def score(self, artifact, *, runtime, options):
        self.asked.append(runtime)
        found = self.told[runtime]
        if isinstance(found, Exception):
            raise found
        return found[0]

    def drop(self, before, after):
        return next(found[1] for found in self.told.values() if found[0] is after)


def judge_of(**told):
    same = replace(SCORE, outputs=outputs(1.0, 2.0))
    scorer = Scorer(given=(same, Drop(0.0, -0.1, 0.1, 0, 0, 100)), **told)
    reference = Setup(variant(), "given", "float32")
    judge = Judge(scorer, reference, max_drop=0.01, watch=Watch())
    return judge, scorer


def point(runtime):
    return Point(Setup(variant(), runtime, "float32"), 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (outputs(1.0, 2.0), outputs(1.0005, 2.0), True),
        (outputs(1.0, 2.0), outputs(1.01, 2.0), False),
        (outputs(1.0, None), outputs(1.0, None), True),
        (outputs(1.0, None), outputs(1.0, 2.0), False),
        (outputs(1.0), outputs(1.0, 2.0), False),
        ((), (), False),
        (((np.array([[1.0]]),),), ((np.array([1.0]),),), False),
        (((np.array([np.nan]),),), ((np.array([1.0]),),), False),
        (((np.array(["a"]),),), ((np.array(["a"]),),), True),
    ],
    ids=["rounding", "more", "failed", "answered", "fewer", "unkept", "shape", "nan", "text"],
)
def test_outputs_are_the_same_up_to_rounding(one, other, same):
    assert same_outputs(replace(SCORE, outputs=one), replace(SCORE, outputs=other)) == same


def test_the_same_outputs_need_no_more_samples():
    judge, _ = judge_of(same=(replace(SCORE, outputs=outputs(1.0, 2.0)), Drop(0.0, -0.1, 0.1, 0, 0, 20)))
    assert judge(point("same")) == ""


def test_other_outputs_need_a_proved_drop():
    good = (replace(SCORE, outputs=outputs(3.0, 2.0)), Drop(0.0, -0.005, 0.005, 1, 1, 900))
    bad = (replace(SCORE, outputs=outputs(4.0, 2.0)), Drop(0.1, 0.05, 0.15, 10, 0, 100))
    few = (replace(SCORE, outputs=outputs(5.0, 2.0)), Drop(0.0, -0.1, 0.1, 0, 0, 20))
    judge, _ = judge_of(good=good, bad=bad, few=few)
    assert judge(point("good")) == ""
    assert "surely more than 1.00%" in judge(point("bad"))
    assert "20 samples cannot rule out" in judge(point("few"))


def test_a_setup_is_judged_once_and_one_that_cannot_be_is_out():
    judge, scorer = judge_of(broken=EngineFailure("no such operator", kind="exception"))
    for batch in (1, 2):
        assert judge(replace(point("broken"), batch=batch)) == "cannot be judged: no such operator"
    assert scorer.asked == ["given", "broken"]


def test_judging_is_no_measuring():
    ticks = iter(range(100))
    watch = Watch(lambda: float(next(ticks)))
    began = watch.now()
    with watch.stopped():
        for _ in range(7):
            next(ticks)
    assert watch.now() - began == 2.0
