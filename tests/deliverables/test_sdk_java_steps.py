"""The Java SDK's steps against the contract's own: one compilation and one start of Java for all cases."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence

import numpy as np
import pytest

from seatrial import extensions
from seatrial.deliverables._sdk_java.sources import class_of, parameters_of, step_files
from seatrial.errors import UnsupportedModel
from support.java_cases import (
    FAMILIES,
    damaged,
    exact_pictures,
    golden_cases,
    jpegs,
    maps,
    resizes,
)
from support.java_steps import Outcome, StepCase, difference, in_java, in_python, step_classes

STEPS = extensions.find("seatrial.contract.steps", "STEP")
NO_JAVA = pytest.mark.skipif(not shutil.which("javac"), reason="javac is not installed")

# What OpenCV computes in an order that changes with the processor, in levels of 255; all else is exact.
LEVELS = {
    ("uint8", "opencv", "cubic"): 1.0,
    ("float32", "opencv", "linear"): 0.02,
    ("float32", "opencv", "cubic"): 0.05,
    ("float32", "opencv", "area"): 1e-4,
    ("float32", "opencv", "lanczos"): 1e-3,
}
RESIZES = [
    (dtype, library, interpolation)
    for library in ("opencv", "pillow", "align_corners", "asymmetric")
    for interpolation in ("nearest", "linear", "cubic", "area", "lanczos")
    for dtype in ("uint8", "float32")
    if library in ("opencv", "pillow") or interpolation in ("nearest", "linear")
]


class Cases:
    """Cases by family, with what came of each in both languages."""

    def __init__(self) -> None:
        self.all: list[StepCase] = []
        self.places: dict[str, range] = {}
        self.java: list[Outcome] = []

    def add(self, family: str, cases: Sequence[StepCase]) -> None:
        self.places[family] = range(len(self.all), len(self.all) + len(cases))
        self.all += cases

    def wrong(self, family: str, *, atol: float = 0.0, rtol: float = 0.0) -> list[str]:
        """What differs; a refusal must be a refusal in both."""
        told = []
        for place in self.places[family]:
            case, java = self.all[place], self.java[place]
            python = in_python(case)
            if java.broken or bool(java.refused) != bool(python.refused):
                what = f"{java.broken or java.refused or 'taken'!r} instead of {python.refused or 'taken'!r}"
            elif python.refused:
                continue
            else:
                what = difference(java.value, python.value, atol=atol, rtol=rtol)
            if what:
                told.append(f"{case.step} {dict(case.options)}: {what}")
        return told


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Cases:
    folder = tmp_path_factory.mktemp("java-steps")
    found = Cases()
    found.add("golden", golden_cases())
    for name, family in FAMILIES.items():
        found.add(name, list(family(np.random.default_rng(4))))
    found.add("maps", list(maps(np.random.default_rng(4), 40)))
    for each in RESIZES:
        found.add("-".join(each), list(resizes(*each)))
    pictures = [(data, options) for data, options in exact_pictures()]
    for color in ("RGB", "BGR", "GRAY"):
        exact = [StepCase("decode_image", data, {"color": color, **options}) for data, options in pictures]
        found.add(f"exact-{color}", exact)
        found.add(f"jpeg-{color}", [StepCase("decode_image", each, {"color": color}) for each in jpegs()])
    found.add("damaged", [StepCase("decode_image", each, {}) for each in damaged()])
    found.java = in_java(step_classes(folder / "classes"), folder / "run", found.all)
    return found


@pytest.mark.parametrize("name", STEPS)
def test_every_step_has_a_java_class_with_the_same_options(name: str) -> None:
    options = [re.sub(r"_(\w)", lambda each: each[1].upper(), option) for option in STEPS[name].options]
    assert [parameter for _, parameter in parameters_of(name)] == options


@pytest.mark.parametrize("name", STEPS)
def test_what_a_step_needs_comes_with_it_and_no_other_step(name: str) -> None:
    files = step_files([name])
    steps = {each for each in files if each.endswith("Step")}
    assert class_of(name) in steps
    assert steps <= {class_of(name), "ArgmaxStep"}


def test_a_step_without_a_java_form_is_named() -> None:
    with pytest.raises(UnsupportedModel, match="the step 'pirouette' has no Java form"):
        step_files(["pirouette"])


@NO_JAVA
@pytest.mark.slow
@pytest.mark.parametrize("family", ["sized", "texts", "maps", "exact-RGB", "exact-BGR", "exact-GRAY"])
def test_equal_to_the_last_bit(cases: Cases, family: str) -> None:
    assert cases.wrong(family) == []
    taken = sum(1 for place in cases.places[family] if not cases.java[place].refused)
    assert taken > len(cases.places[family]) / 2


@NO_JAVA
@pytest.mark.slow
@pytest.mark.parametrize(("family", "rtol"), [("arrays", 1e-15), ("answers", 0.0)])
def test_equal_but_for_the_last_bit_of_an_exponential(cases: Cases, family: str, rtol: float) -> None:
    assert cases.wrong(family, atol=1e-15 if rtol else 0.0, rtol=rtol) == []


@NO_JAVA
@pytest.mark.slow
def test_the_golden_vectors_of_the_steps(cases: Cases) -> None:
    assert cases.wrong("golden", atol=1e-4) == []
    refused = sum(1 for place in cases.places["golden"] if cases.java[place].refused)
    assert refused >= len(STEPS)


@NO_JAVA
@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "library", "interpolation"), RESIZES)
def test_resizing(cases: Cases, dtype: str, library: str, interpolation: str) -> None:
    levels = LEVELS.get((dtype, library, interpolation), 0.0)
    assert cases.wrong(f"{dtype}-{library}-{interpolation}", atol=levels) == []


@NO_JAVA
@pytest.mark.slow
@pytest.mark.parametrize("color", ["RGB", "BGR", "GRAY"])
def test_jpeg_is_within_the_tolerance_that_the_readme_states(cases: Cases, color: str) -> None:
    assert cases.wrong(f"jpeg-{color}", atol=4.0) == []


@NO_JAVA
@pytest.mark.slow
def test_damaged_pictures_are_refused_with_a_sentence(cases: Cases) -> None:
    assert cases.wrong("damaged") == []
    assert all(cases.java[place].refused for place in cases.places["damaged"])
