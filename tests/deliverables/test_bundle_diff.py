"""What changed from one bundle to the next is found, told in two languages, and judged for who uses it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import Deployment, Pipeline, StepCall, Tolerance
from seatrial.deliverables import BundleDiff, bundle_diff, told
from seatrial.deliverables._diff_parts import flat, labels, leaves, steps
from seatrial.deliverables._diff_run import decision, same
from seatrial.errors import TrustError
from support import networks
from support.handovers import network_bundle, network_handover
from support.real_bundles import real_bundle

CONTRACT = networks.contract()


def _diff(tmp_path: Path, **changes: Any) -> BundleDiff:
    old = network_bundle(tmp_path, "network-1.0.0")
    new = network_bundle(tmp_path, "network-1.1.0", version="1.1.0", **changes)
    return bundle_diff(old, new)


def _values(diff: BundleDiff, area: str) -> dict[str, tuple[Any, Any]]:
    return {each.name: (each.before, each.after) for each in diff.of_area(area)}


# -- what it means -------------------------------------------------------------------------------------------
def test_the_same_bundle(tmp_path: Path) -> None:
    one, two = network_bundle(tmp_path / "a"), network_bundle(tmp_path / "b")
    diff = bundle_diff(one, two)
    assert (diff.verdict, diff.changes, diff.files) == ("identical", (), ())


def test_another_version_of_the_same_model_is_compatible(tmp_path: Path) -> None:
    diff = _diff(tmp_path, extra={"license": "MIT"})
    assert diff.verdict == "compatible"
    assert _values(diff, "release")["version"] == ("1.0.0", "1.1.0")
    assert _values(diff, "release")["license"] == (None, "MIT")


def test_other_weights_change_answers(tmp_path: Path) -> None:
    diff = _diff(tmp_path, seed=8)
    assert diff.verdict == "answers change"
    assert "another model" in diff.reasons[0].en
    assert set(_values(diff, "formats")) == {"paddle-json", "onnx"}
    assert diff.of_area("operators") == ()
    changed = {each.path: each for each in diff.files if each.role == "model"}
    assert {each.change for each in changed.values()} == {"changed"}


def _contract(**changes: Any) -> dict[str, Any]:
    return {"contract": dataclasses.replace(CONTRACT, **changes)}


@pytest.mark.parametrize(
    ("changes", "verdict", "says"),
    [
        (
            {"inputs": (dataclasses.replace(CONTRACT.inputs[0], high=2),)},
            "needs new client code",
            "the inputs changed",
        ),
        (
            {"output_schema": {"type": "object"}},
            "needs new client code",
            "the form of the answers changed",
        ),
        (
            {"postprocess": Pipeline((StepCall("topk", {"k": 3}),))},
            "answers change",
            "the postprocessing changed",
        ),
        (
            {"preprocess": Pipeline((*CONTRACT.preprocess.calls, StepCall("normalize", {"scale": 1.0})))},
            "answers change",
            "the preprocessing changed: who prepares tensors without our SDK has to follow",
        ),
        ({"labels": ("north", "east", "down", "west")}, "answers change", "the labels changed"),
        ({"limits": {"accuracy.minimum": 0.8}}, "compatible", "the same"),
        ({"deployment": Deployment("onnxruntime", "onnx", threads=2)}, "compatible", "the same"),
    ],
    ids=["inputs", "schema", "postprocess", "preprocess", "labels", "limits", "deployment"],
)
def test_a_change_of_the_contract(tmp_path: Path, changes: Any, verdict: str, says: str) -> None:
    diff = _diff(tmp_path, **_contract(**changes))
    assert diff.verdict == verdict
    assert any(says in each.en for each in diff.reasons)


def test_a_bundle_that_was_changed_is_not_compared(tmp_path: Path) -> None:
    old, new = network_bundle(tmp_path, "a-1"), network_bundle(tmp_path, "b-1")
    (new.folder / "labels.txt").write_text("x\n")
    with pytest.raises(TrustError, match=r"changed: labels\.txt"):
        bundle_diff(old, new)


# -- what is told --------------------------------------------------------------------------------------------
def test_figures_settings_and_bounds(tmp_path: Path) -> None:
    config = tmp_path / "train.yaml"
    config.write_text("optimizer: {lr: 0.1, decay: [1, 2]}\nepochs: 3\nstarted: 2026-11-20\n")
    before = network_handover(tmp_path / "h1")
    figures = {
        "accuracy": {"metrics": {"accuracy": [0.971, 0.95, 0.985]}},
        "performance": {"service_ms": {"p99": 3.5}, "performance.memory": 204.0},
    }
    report = dataclasses.replace(before.report, figures=figures)
    cases = dataclasses.replace(before.cases, tolerance=Tolerance(atol=1e-3))
    diff = _diff(tmp_path, report=report, cases=cases, config=config)
    assert _values(diff, "accuracy")["accuracy"][1] == [0.971, 0.95, 0.985]
    assert _values(diff, "performance")["alone p99, ms"][1] == 3.5
    assert _values(diff, "tolerance") == {"atol": (None, 0.001)}
    assert _values(diff, "hyper-parameters") == {
        "optimizer.lr": (None, 0.1),
        "optimizer.decay": (None, [1, 2]),
        "epochs": (None, 3),
        "started": (None, "2026-11-20"),
    }
    text = told(diff)
    assert "+ accuracy: 0.971 [0.95, 0.985]" in text
    assert "- + config.yaml" not in text
    assert "- config.yaml: added, " in text


def test_many_files_of_a_folder_are_one_line(tmp_path: Path) -> None:
    diff = _diff(tmp_path, seed=8)
    assert "- samples/golden/: 12 files, changed\n" in told(diff)
    assert len([each for each in diff.files if each.path.startswith("samples/golden/")]) == 12
    assert "- models/onnx/net.onnx: changed, " in told(diff)


def test_operators_and_formats_that_came_and_went(tmp_path: Path) -> None:
    old = network_bundle(tmp_path, "network-1.0.0")
    handover = network_handover(tmp_path / "made")
    new = network_bundle(tmp_path, "network-2.0.0", models=handover.models[1:], version="2.0.0")
    diff = bundle_diff(old, new)
    assert _values(diff, "formats")["paddle-json"][1] is None
    assert _values(diff, "model size")["paddle-json"][1] is None
    assert diff.verdict == "compatible"  # the ONNX model is the one that answered alike before


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_is_told_in_two_languages_and_as_json(tmp_path: Path, language: str) -> None:
    diff = _diff(tmp_path, seed=8, **_contract(labels=("north", "east", "down", "west")))
    text = told(diff, language)
    verdict = {"en": "answers change", "zh": "答案会变化"}[language]
    assert text.startswith(f"# network@1.0.0 → network@1.1.0: {verdict}\n")
    assert "- renamed 2: south → down" in text
    assert any(ord(each) > 0x4E00 for each in text) == (language == "zh")
    data = json.loads(json.dumps(diff.to_data()))
    assert data["verdict"] == diff.verdict
    assert {each["area"] for each in data["changes"]} >= {"labels", "release"}


# -- the parts -----------------------------------------------------------------------------------------------
def test_labels_added_removed_renamed_and_moved() -> None:
    found = {(each.name, each.before, each.after) for each in labels("labels", "abcd", "axdbe")}
    assert found == {
        ("moved b", 1, 3),
        ("moved d", 3, 2),
        ("removed 2", "c", None),
        ("added 1", None, "x"),
        ("added 4", None, "e"),
    }
    assert {each.name for each in labels("labels", "abc", "axc")} == {"renamed 1"}


NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(NAMES, NAMES)
def test_labels_tell_the_whole_difference(before: list[str], after: list[str]) -> None:
    """Whoever applies what is told to the old list has the new one."""
    now = dict(enumerate(before))
    came: dict[int, str] = {}
    for each in labels("labels", before, after):
        kind, _, rest = each.name.partition(" ")
        if kind == "renamed":
            now[int(rest)] = each.after
        elif kind == "removed":
            del now[int(rest)]
        elif kind == "added":
            came[int(rest)] = each.after
        else:
            del now[each.before]
            came[each.after] = rest
    assert [name for _, name in sorted({**now, **came}.items())] == after


def test_thousands_of_labels_are_counted() -> None:
    found = list(labels("labels", [], [str(each) for each in range(6000)]))
    assert len(found) == 51
    assert (found[-1].name, found[-1].after) == ("added, in all", 6000)


def test_steps_that_came_went_and_changed() -> None:
    before = Pipeline((StepCall("decode_image", {}), StepCall("resize", {"size": [8, 8]})))
    after = Pipeline(
        (
            StepCall("decode_image", {"color": "BGR"}),
            StepCall("resize", {"size": [9, 9]}),
            StepCall("cast", {"dtype": "float32"}),
        )
    )
    found = [(each.name, each.before, each.after) for each in steps("preprocess", before, after)]
    assert found == [
        ("decode_image.color", None, "BGR"),
        ("resize.size", [8, 8], [9, 9]),
        ("cast", None, {"dtype": "float32"}),
    ]


@given(
    st.dictionaries(st.text("ab", min_size=1), st.integers()), st.dictionaries(st.text("ab"), st.integers())
)
def test_equal_values_are_not_told(before: dict[str, int], after: dict[str, int]) -> None:
    told_of = {each.name for each in leaves("x", before, after)}
    for name in before.keys() | after.keys():
        assert (name in told_of) == (before.get(name) != after.get(name))
    assert flat({"x": before}, "") == {f"x.{name}": value for name, value in before.items()} or not before


def test_what_counts_as_another_answer() -> None:
    one = {"class": "a", "index": 0, "confidence": 0.9, "top": [1]}
    assert same(decision("classification", one), decision("classification", {**one, "confidence": 0.7}))
    assert not same(decision("classification", one), decision("classification", {**one, "class": "b"}))
    assert not same({"boxes": [[1.0, 2.0]]}, {"boxes": []})
    assert not same([1.0], [1.2])
    assert same([1.0, None, "x"], [1.0001, None, "x"])
    assert not same(1.0, True)
    assert not same(1.0, "1.0")


# -- asking the new model ------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_new_model_is_asked_for_the_old_cases(tmp_path: Path) -> None:
    old = real_bundle(tmp_path, "network-1.0.0")
    same_model = real_bundle(tmp_path, "network-1.0.1", version="1.0.1")
    other = real_bundle(tmp_path, "network-2.0.0", version="2.0.0", seed=8)
    again = bundle_diff(old, same_model, run=True)
    assert again.run is not None
    assert (again.verdict, again.run.cases, again.run.outputs, again.run.answers) == ("compatible", 12, 0, 0)
    diff = bundle_diff(old, other, run=True)
    assert diff.verdict == "answers change"
    assert diff.run is not None
    assert diff.run.outputs == 12
    assert 0 < diff.run.answers <= 12
    assert "before: {'class': " in diff.run.examples[0]
    assert "of 12 old test cases, 12 give outputs outside the old tolerance" in told(diff)
