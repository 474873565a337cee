"""Prepare, check, join, take apart, answer: the way of a sample through the contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec, check_feeds, collate, scatter
from seatrial.contract.feeds import digest, join, split
from seatrial.errors import ContractViolation

IDS = TensorSpec("ids", "int64", ("batch", "time"), "NT", low=0, high=99)
LENS = TensorSpec("lens", "int64", ("batch",), "N", low=1)
IMAGE = TensorSpec("image", "float32", (None, 3, 2, 2), "NCHW", low=0, high=1)
SCORES = TensorSpec("scores", "float32", (None, 3), "NC")


def zeros(*shape: int, dtype: str = "float32") -> Any:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("specs", "feeds", "message"),
    [
        ([IMAGE], {}, "missing: image"),
        ([IMAGE], {"image": zeros(1, 3, 2, 2), "mask": zeros(1)}, "unknown: mask"),
        ([IMAGE], {"x": zeros(1, 3, 2, 2)}, "missing: image; unknown: x"),
        ([IMAGE], {"image": [[1.0]]}, "'image' is a list, not an array"),
        (
            [IMAGE],
            {"image": zeros(1, 3, 2, 2, dtype="float64")},
            "'image' is float64, and the model takes float32",
        ),
        ([IMAGE], {"image": zeros(1, 3, 2, 2, dtype=">f4").view("i4")}, "'image' is int32"),
        ([IMAGE], {"image": np.full((1, 3, 2, 2), "a")}, "'image' is text"),
        ([IMAGE], {"image": zeros(3, 2, 2)}, "3 axes instead of 4"),
        ([IMAGE], {"image": zeros(1, 1, 2, 2)}, "axis 1 is 1 instead of 3"),
        ([IMAGE], {"image": zeros(0, 3, 2, 2)}, "the batch is empty"),
        ([IMAGE], {"image": zeros(1, 3, 2, 2) + 2}, "'image' holds 2.0, and the largest allowed is 1"),
        ([IMAGE], {"image": zeros(1, 3, 2, 2) - 1}, "the smallest allowed is 0"),
        ([IMAGE], {"image": zeros(1, 3, 2, 2) * np.float32("nan")}, "'image' holds NaN"),
        ([IMAGE], {"image": zeros(1, 3, 2, 2) + np.float32("inf")}, "holds inf"),
        ([IDS], {"ids": zeros(1, 0, dtype="int64")}, "axis 1 is empty"),
        ([IDS], {"ids": zeros(1, 2, dtype="int64") + 100}, "'ids' holds 100, and the largest allowed is 99"),
        ([IDS], {"ids": zeros(1, 2, dtype="int64") - 10**12}, "smallest allowed is 0"),
        (
            [IDS, LENS],
            {"ids": zeros(2, 5, dtype="int64"), "lens": zeros(3, dtype="int64") + 1},
            "'lens' .*'batch' is 3 here and 2 in 'ids' axis 0",
        ),
    ],
)
def test_a_feed_that_breaks_the_specs_names_the_input(specs: Any, feeds: Any, message: str) -> None:
    with pytest.raises(ContractViolation, match=message):
        check_feeds(specs, feeds)


def test_good_feeds_pass() -> None:
    check_feeds([IMAGE], {"image": zeros(4, 3, 2, 2)})
    check_feeds([IDS, LENS], {"ids": zeros(2, 5, dtype="int64"), "lens": zeros(2, dtype="int64") + 5})
    check_feeds([TensorSpec("t", "string", ("batch",))], {"t": np.array(["a", "b"])})
    check_feeds([TensorSpec("s", "float32", ())], {"s": np.array(1, "float32")})
    check_feeds([TensorSpec("m", "float32", (None,))], {"m": np.array([-np.inf], "float32")})


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 255)), max_size=20), st.integers(1, 5))
def test_what_is_joined_is_taken_apart_again(samples: list[tuple[int, int]], limit: int) -> None:
    prepared = [
        {"x": np.full((1, width), value, "int64"), "n": np.array([width])} for width, value in samples
    ]
    batches = collate(prepared, limit=limit)
    assert all(len(batch.order) <= limit for batch in batches)
    rows = [
        [
            {name: array[row : row + 1] for name, array in batch.feeds.items()}
            for row in range(len(batch.order))
        ]
        for batch in batches
    ]
    found = scatter(batches, rows)
    assert len(found) == len(prepared)
    for one, other in zip(found, prepared, strict=True):
        assert set(one) == set(other)
        for name, array in other.items():
            np.testing.assert_array_equal(one[name], array)


def test_shapes_and_types_are_never_mixed() -> None:
    batches = collate(
        [{"x": zeros(1, 2)}, {"x": zeros(1, 3)}, {"x": zeros(1, 2)}, {"x": zeros(1, 2, dtype="int8")}]
    )
    assert [batch.order for batch in batches] == [(0, 2), (1,), (3,)]


def test_collate_and_scatter_refuse_what_cannot_be() -> None:
    with pytest.raises(ContractViolation, match="no batch axis of 1"):
        collate([{"x": zeros(2, 2)}])
    with pytest.raises(ContractViolation, match="1 sample or more"):
        collate([], limit=0)
    with pytest.raises(ContractViolation, match="2 results came back for a batch of 1"):
        scatter(collate([{"x": zeros(1, 2)}]), [[1, 2]])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_what_one_call_carries_comes_back_to_each(rows: list[int]) -> None:
    feeds = [
        {"x": np.full((count, 2), place), "n": np.full(count, place)} for place, count in enumerate(rows)
    ]
    whole = join(feeds)
    parts = split([whole["x"], whole["n"]], rows)
    assert parts is not None
    assert len(parts) == len(feeds)
    for feed, part in zip(feeds, parts, strict=True):
        np.testing.assert_array_equal(part[0], feed["x"])
        np.testing.assert_array_equal(part[1], feed["n"])


def test_a_single_feed_is_not_copied_and_keeps_its_answer_whatever_its_shape() -> None:
    feed = {"x": zeros(1, 2)}
    joined = join([feed])
    assert joined["x"] is feed["x"]
    assert joined is not feed
    boxes = zeros(7, 6)
    parts = split([boxes], [1])
    assert parts is not None
    assert parts[0][0] is boxes


@pytest.mark.parametrize("shape", [(2, 1), (4, 1), (1, 3), ()], ids=str)
def test_outputs_without_a_row_for_each_that_went_in_are_not_split(shape: tuple[int, ...]) -> None:
    assert split([zeros(3, 1), zeros(*shape)], [1, 2]) is None
    assert split([zeros(*shape), zeros(3, 1)], [2, 1]) is None


def test_equal_words_have_one_digest_whoever_holds_them() -> None:
    words = np.array(["a b", "c"], object)
    again = np.array(["".join(["a", " b"]), "c"], object)
    assert again[0] is not words[0]
    assert digest({"x": again}) == digest({"x": words})
    others = (["a", "b c"], ["c", "a b"], [b"a b", "c"], ["a b"])
    digests = {digest({"x": np.array(each, object)}) for each in (list(words), *others)}
    assert len(digests) == 1 + len(others)


def test_a_digest_knows_names_types_shapes_and_values_but_not_the_order_of_names_or_of_memory() -> None:
    x = np.arange(6, dtype="int32").reshape(2, 3)
    variants = [{"x": x}, {"y": x}, {"x": x.view("float32")}, {"x": x.reshape(3, 2)}, {"x": x + 1}]
    variants += [{"x": x, "y": x + 1}, {"x": x + 1, "y": x}]
    assert len({digest(each) for each in variants}) == len(variants)
    assert digest({"x": x, "y": x + 1}) == digest({"y": x + 1, "x": np.asfortranarray(x)})


CONTRACT = Contract(
    name="toy",
    task="classification",
    inputs=(IMAGE,),
    outputs=(SCORES,),
    preprocess=Pipeline(
        (StepCall("transpose", {"order": [2, 0, 1]}), StepCall("cast", {"dtype": "float32"}))
    ),
    postprocess=Pipeline((StepCall("softmax"), StepCall("topk"))),
    labels=("a", "b", "c"),
)


def test_samples_travel_together_where_every_batch_axis_is_free_and_rows_tell_them_apart() -> None:
    assert CONTRACT.batches_freely
    assert not replace(CONTRACT, inputs=(replace(IMAGE, shape=(1, 3, 2, 2)),)).batches_freely
    assert not replace(CONTRACT, outputs=(SCORES, replace(SCORES, shape=(1, 3)))).batches_freely
    assert not replace(CONTRACT, task="detection").batches_freely


def test_a_sample_becomes_a_feed_and_a_row_an_answer() -> None:
    feeds, context = CONTRACT.prepare(np.ones((2, 2, 3), np.uint8))
    assert feeds["image"].shape == (1, 3, 2, 2)
    assert feeds["image"].dtype == np.float32
    outputs = [np.array([[0, 0, 9], [9, 0, 0]], np.float32)]
    assert CONTRACT.answer(outputs, 0, context)["class"] == "c"
    assert CONTRACT.answer(outputs, 1, context)["class"] == "a"


def test_what_comes_out_of_the_preprocessing_is_checked() -> None:
    with pytest.raises(ContractViolation, match=r"'image' holds 2\.0"):
        CONTRACT.prepare(np.full((2, 2, 3), 2, np.uint8))
    with pytest.raises(ContractViolation, match=r"step 1 \(transpose\): takes an array, not text"):
        CONTRACT.prepare("hello")
    with pytest.raises(ContractViolation, match="still a str after the preprocessing"):
        replace(CONTRACT, preprocess=Pipeline()).prepare("hello")
    with pytest.raises(ContractViolation, match="takes 2 inputs"):
        replace(CONTRACT, inputs=(IMAGE, LENS)).prepare(np.ones((2, 2, 3), np.uint8))


@pytest.mark.parametrize(
    ("outputs", "row", "message"),
    [
        ([], 0, "gave 0 outputs, and the contract has 1"),
        ([zeros(1, 3), zeros(1)], 0, "gave 2 outputs"),
        ([zeros(1, 3)], 1, "has no row 1"),
        ([zeros(1, 2)], 0, "2 scores and the contract has 3 labels"),
        ([zeros(1, 3) * np.float32("nan")], 0, r"answer.confidence is nan"),
    ],
)
def test_an_answer_that_cannot_be_given_says_why(outputs: Any, row: int, message: str) -> None:
    with pytest.raises(ContractViolation, match=message):
        CONTRACT.answer(outputs, row, CONTRACT.context())


def test_the_answer_obeys_its_schema() -> None:
    strict = replace(CONTRACT, output_schema={"properties": {"confidence": {"minimum": 0.9}}})
    with pytest.raises(ContractViolation, match=r"answer.confidence: 0\.33.* is less than the minimum"):
        strict.answer([zeros(1, 3)], 0, strict.context())
    logits = replace(CONTRACT, postprocess=Pipeline((StepCall("topk"),)))
    with pytest.raises(ContractViolation, match=r"answer.confidence: 9.0 is greater than the maximum"):
        logits.answer([zeros(1, 3) + 9], 0, logits.context())


def test_a_schema_never_reaches_for_the_network() -> None:
    contract = replace(CONTRACT, output_schema={"$ref": "https://schemas.invalid/answer.json"})
    with pytest.raises(ContractViolation, match="refers to what is not there"):
        contract.answer([zeros(1, 3)], 0, contract.context())


class TestSharedRows:
    """PaddleDetection puts the boxes of all samples under each other and counts them in a second output."""

    contract = replace(
        CONTRACT,
        task="detection",
        outputs=(TensorSpec("rows", "float32", (None, 6), "DV"), TensorSpec("counts", "int32", (None,), "N")),
        postprocess=Pipeline((StepCall("detection_rows"),)),
        labels=(),
    )
    rows = np.array([[0, 0.9, 0, 0, 1, 1], [1, 0.8, 0, 0, 2, 2], [2, 0.7, 0, 0, 3, 3]], np.float32)

    def answer(self, counts: list[int], row: int) -> Any:
        return self.contract.answer([self.rows, np.array(counts, np.int32)], row, self.contract.context())

    def test_each_sample_gets_its_own(self) -> None:
        assert self.answer([1, 0, 2], 0)["classes"] == ["0"]
        assert self.answer([1, 0, 2], 1)["classes"] == []
        assert self.answer([1, 0, 2], 2)["classes"] == ["1", "2"]

    def test_counts_that_do_not_fit_are_refused(self) -> None:
        for counts, row in (([4], 0), ([3], 1), ([-1, 4], 0)):
            with pytest.raises(ContractViolation, match="do not fit the counts"):
                self.answer(counts, row)

    def test_without_counts_there_is_one_sample(self) -> None:
        alone = replace(self.contract, outputs=self.contract.outputs[:1])
        assert len(alone.answer([self.rows], 0, alone.context())["boxes"]) == 3
        with pytest.raises(ContractViolation, match="nothing says how many"):
            alone.answer([self.rows], 1, alone.context())
