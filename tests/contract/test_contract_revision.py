"""A contract file is changed where it must be, and otherwise stays as a person wrote it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import (
    Contract,
    Deployment,
    Pipeline,
    StepCall,
    TensorSpec,
    dump_contract,
    fingerprinted,
)
from seatrial.contract.document import parse_contract
from seatrial.contract.revision import free_name, revise

TEXT = """\
# My own words at the top.
schema: seatrial/contract/1
name: boats   # a name
task: classification

inputs:
  - {name: x, dtype: float32, shape: [batch, 3, 8, 8]}
outputs:
- name: p
  dtype: float32
  shape: [batch, 3]

preprocess:
  # as the camera gives it
  - decode_image: {color: RGB}   # never BGR
  - normalize:
      scale: 0.00392156862745098
      mean: [0.5, 0.5, 0.5]
      std: [0.5, 0.5, 0.5]
  # channels first
  - transpose: {order: [2, 0, 1]}

postprocess: [{softmax: {}}, {topk: {k: 1}}]
labels: [boat, buoy, bird]   # in this order
# the last word
"""


def read(text: str) -> Contract:
    return parse_contract(text, root=Path(), name="contract.yaml")


def calls(contract: Contract) -> list[StepCall]:
    return list(contract.preprocess.calls)


def with_calls(contract: Contract, changed: list[StepCall]) -> Contract:
    return replace(contract, preprocess=Pipeline(tuple(changed)))


def changed_lines(text: str) -> tuple[list[str], list[str]]:
    """Lines that went, and lines that came."""
    old, new = TEXT.splitlines(), text.splitlines()
    return [each for each in old if each not in new], [each for each in new if each not in old]


def test_one_option_changes_one_step() -> None:
    contract = read(TEXT)
    steps = calls(contract)
    steps[0] = StepCall("decode_image", {"color": "BGR"})
    text = revise(TEXT, with_calls(contract, steps), name="contract.yaml")
    gone, come = changed_lines(text)
    assert gone == ["  - decode_image: {color: RGB}   # never BGR"]
    assert [each for each in come if "fingerprint" not in each and "sha256" not in each and each] == [
        "  - decode_image: {color: BGR}"
    ]


def test_a_step_over_several_lines_is_replaced_whole() -> None:
    contract = read(TEXT)
    steps = calls(contract)
    steps[1] = StepCall("normalize", {"scale": 1.0, "mean": [0.0], "std": [1.0]})
    text = revise(TEXT, with_calls(contract, steps), name="contract.yaml")
    gone, _ = changed_lines(text)
    assert [each.strip().partition(":")[0] for each in gone] == ["- normalize", "scale", "mean", "std"]
    assert "# channels first" in text
    assert read(text).preprocess.calls == tuple(steps)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_steps_come_and_go(place: int) -> None:
    contract = read(TEXT)
    more = calls(contract)
    more.insert(place, StepCall("cast", {"dtype": "float32"}))
    text = revise(TEXT, with_calls(contract, more), name="contract.yaml")
    assert read(text).preprocess.calls == tuple(more)
    for comment in ("as the camera gives it", "never BGR", "channels first", "the last word", "a name"):
        assert comment in text
    if place < 3:
        fewer = calls(contract)
        del fewer[place]
        assert read(revise(TEXT, with_calls(contract, fewer), name="c")).preprocess.calls == tuple(fewer)


def test_a_list_in_brackets_and_the_labels_are_written_anew_in_place() -> None:
    contract = replace(
        read(TEXT), postprocess=Pipeline((StepCall("topk", {"k": 1}),)), labels=("buoy", "boat", "bird")
    )
    text = revise(TEXT, contract, name="contract.yaml")
    assert read(text) == replace(fingerprinted(contract), source="")
    assert "My own words" in text
    assert "as the camera gives it" in text


def test_old_fingerprints_go_with_the_list_they_vouched_for() -> None:
    contract = read(TEXT)
    marked = TEXT + "fingerprints:\n  labels: " + fingerprinted(contract).fingerprints["labels"] + "\n"
    other = replace(read(marked), labels=("bird", "boat", "buoy"), fingerprints={})
    text = revise(marked, other, name="contract.yaml")
    assert read(text).labels == other.labels


def test_nothing_to_change_changes_nothing_but_the_fingerprints() -> None:
    text = revise(TEXT, read(TEXT), name="contract.yaml")
    assert text.startswith(TEXT)
    assert revise(text, read(text), name="contract.yaml") == text


OPTIONS = st.sampled_from(
    [
        StepCall("decode_image", {"color": "BGR"}),
        StepCall("cast", {"dtype": "float32"}),
        StepCall("normalize", {"scale": 0.5, "mean": [0.1], "std": [0.2]}),
        StepCall("transpose", {"order": [0, 1, 2]}),
        StepCall("resize", {"size": [8, 8]}),
    ]
)


@given(st.lists(OPTIONS, max_size=6), st.lists(OPTIONS, max_size=6), st.booleans())
def test_whatever_is_written_reads_as_what_was_meant(before, after, ending) -> None:
    base = read(TEXT)
    text = dump_contract(fingerprinted(with_calls(base, before)))
    wanted = with_calls(base, after)
    revised = revise(text if ending else text.rstrip("\n"), wanted, name="contract.yaml")
    assert read(revised) == fingerprinted(wanted)


def test_a_new_file_never_takes_a_name_that_is_taken(tmp_path: Path) -> None:
    old = tmp_path / "contract.yaml"
    names = []
    for _ in range(3):
        found = free_name(old)
        names.append(found.name)
        found.touch()
    assert names == ["contract.fixed.yaml", "contract.fixed.2.yaml", "contract.fixed.3.yaml"]
    assert free_name(tmp_path / "contract.fixed.yaml").name == "contract.fixed.4.yaml"


def test_specs_are_kept() -> None:
    contract = read(TEXT)
    wanted = replace(contract, inputs=(TensorSpec("x", "float32", ("batch", 3, 16, 16)),))
    text = revise(TEXT, wanted, name="contract.yaml")
    assert read(text).inputs == wanted.inputs
    assert "- name: p\n  dtype: float32" in text


def test_a_deployment_profile_is_written_changed_and_taken_away_without_touching_the_rest() -> None:
    first = Deployment("onnxruntime", "onnx", threads=2, engine={"spinning": True})
    told = revise(TEXT, replace(read(TEXT), deployment=first), name="c")
    assert read(told).deployment == first
    assert all(line in told.splitlines() for line in TEXT.splitlines())
    other = replace(first, max_batch_size=8, engine={})
    changed = revise(told, replace(read(told), deployment=other), name="c")
    assert read(changed).deployment == other
    gone = revise(changed, replace(read(changed), deployment=None), name="c")
    assert read(gone).deployment is None
    assert "deployment" not in gone
    assert all(line in gone.splitlines() for line in TEXT.splitlines())
