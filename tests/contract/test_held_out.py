"""Held-out sets in every form people keep them in, and what is wrong with them."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec, read_held_out
from seatrial.contract._held_out_labels import checked_label
from seatrial.errors import ContractViolation, NotFound, SeatrialError, UsageError

CLASSES = Contract(
    name="animals",
    task="classification",
    inputs=(TensorSpec("image", "float32", (None, 1, 2, 2)),),
    outputs=(TensorSpec("p", "float32", (None, 2)),),
    labels=("cat", "dog"),
)
READER = Contract(
    name="reader",
    task="text-recognition",
    inputs=(TensorSpec("x", "float32", (None, 3, 48, None)),),
    outputs=(TensorSpec("s", "float32", (None, None, 9)),),
    preprocess=Pipeline((StepCall("decode_image"),)),
)


def picture(path: Path, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(path)
    return path


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


class TestArrays:
    images = np.arange(12, dtype=np.float32).reshape(3, 1, 2, 2)

    def test_rows_labels_and_slices(self, tmp_path: Path) -> None:
        path = npz(
            tmp_path / "a.npz", image=self.images, label=[1, 0, 1], slice_font=["serif", "sans", "sans"]
        )
        found = read_held_out(path, contract=CLASSES)
        assert found.labels == [1, 0, 1]
        assert type(found.labels[0]) is int
        assert [dict(each.slices) for each in found][:2] == [{"font": "serif"}, {"font": "sans"}]
        np.testing.assert_array_equal(found.samples[2].payload, self.images[2])

    def test_several_inputs_come_by_name(self, tmp_path: Path) -> None:
        path = npz(tmp_path / "a.npz", ids=np.ones((2, 5), int), lens=[5, 4], y=[0.5, 1.5])
        found = read_held_out(path)
        assert isinstance(found.samples[0].payload, dict)
        assert sorted(found.samples[0].payload) == ["ids", "lens"]
        assert found.labels == [0.5, 1.5]

    def test_limit_and_members(self, tmp_path: Path) -> None:
        path = npz(tmp_path / "a.npz", image=self.images, label=[1, 0, 1])
        found = read_held_out(path, contract=CLASSES, members=path, limit=2)
        assert (len(found), len(found.members)) == (2, 2)

    @pytest.mark.parametrize(
        ("arrays", "kind", "message"),
        [
            ({"label": [1]}, UsageError, "holds no input"),
            (
                {"image": images, "label": [1, 0]},
                UsageError,
                r"number of rows: image \[3, 1, 2, 2\], label \[2\]",
            ),
            ({"image": np.float32(1)}, ContractViolation, "has shape"),
            ({"image": images[:, 0], "label": [1, 0, 1]}, ContractViolation, r"shape \[3, 2, 2\]"),
            ({"image": images[:, :, :1], "label": [1, 0, 1]}, ContractViolation, r"shape \[3, 1, 1, 2\]"),
            ({"image": images, "mask": images}, ContractViolation, "the model takes image"),
            (
                {"image": images, "label": [1, 0, 2]},
                ContractViolation,
                "sample '2' has label 2, .* from 0 to 1",
            ),
            ({"image": images, "label": [-1, 0, 1]}, ContractViolation, "label -1"),
            ({"image": images, "label": [0.5, 0, 1]}, ContractViolation, "not 0.5"),
            ({"image": images[:0], "label": np.zeros(0, int)}, UsageError, "is empty"),
            ({"image": np.array([{"code": "runs"}], dtype=object)}, UsageError, "no archive of plain arrays"),
        ],
    )
    def test_what_does_not_fit_says_why(self, tmp_path: Path, arrays: Any, kind: Any, message: str) -> None:
        with pytest.raises(kind, match=message):
            read_held_out(npz(tmp_path / "a.npz", **arrays), contract=CLASSES)

    @given(cut=st.integers(0, 500))
    def test_a_damaged_archive_is_our_error(self, tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
        path = npz(tmp_path_factory.getbasetemp() / "whole.npz", image=self.images, label=[1, 0, 1])
        broken = path.with_name("cut.npz")
        broken.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(SeatrialError):
            read_held_out(broken)


class TestImages:
    def test_one_folder_a_class(self, tmp_path: Path) -> None:
        for name in ("dog/1.png", "cat/2.png", "cat/1.PNG"):
            picture(tmp_path / name)
        found = read_held_out(tmp_path, contract=CLASSES)
        assert [each.key for each in found] == ["cat/1.PNG", "cat/2.png", "dog/1.png"]
        assert found.labels == [0, 0, 1]

    def test_a_folder_that_is_no_class(self, tmp_path: Path) -> None:
        picture(tmp_path / "bird/1.png")
        with pytest.raises(
            ContractViolation, match=r"'bird/1\.png' has the label 'bird', none of the contract's 2"
        ):
            read_held_out(tmp_path, contract=CLASSES)

    @pytest.mark.parametrize("name", ["labels.txt", "label.txt", "rec_gt.txt"])
    def test_paddleocr_lists_are_split_at_the_tab(self, tmp_path: Path, name: str) -> None:
        picture(tmp_path / "img/a b.png")
        (tmp_path / name).write_text("img/a b.png\t 12 中文\u3000\n", "utf-8")
        found = read_held_out(tmp_path, contract=READER)
        assert found.labels == [" 12 中文\u3000"]
        assert found.samples[0].payload == tmp_path / "img/a b.png"

    def test_paddleclas_lists_are_split_at_the_last_space(self, tmp_path: Path) -> None:
        picture(tmp_path / "a b.png")
        (tmp_path / "labels.txt").write_text("a b.png 1\n\n")
        assert read_held_out(tmp_path / "labels.txt", contract=CLASSES).labels == [1]
        assert read_held_out(tmp_path).labels == [1]

    def test_names_may_begin_with_the_folder_itself(self, tmp_path: Path) -> None:
        picture(tmp_path / "set" / "a.png")
        (tmp_path / "set" / "labels.txt").write_text("set/a.png\tcat\n")
        assert read_held_out(tmp_path / "set", contract=CLASSES).labels == [0]

    def test_paddleocr_boxes(self, tmp_path: Path) -> None:
        picture(tmp_path / "a.png")
        regions = [{"transcription": "中", "points": [[0, 0], [2, 0], [2, 2], [0, 2]]}]
        (tmp_path / "label.txt").write_text("a.png\t" + json.dumps(regions), "utf-8")
        found = read_held_out(tmp_path)
        assert found.labels == [{"boxes": [[[0, 0], [2, 0], [2, 2], [0, 2]]], "texts": ["中"]}]

    @pytest.mark.parametrize(
        ("line", "kind", "message"),
        [
            ("b.png\tcat", NotFound, "'labels.txt' line 1: there is no image 'b.png'"),
            ("a.png", ContractViolation, "line 1 has no label"),
            ("note.txt\tcat", ContractViolation, "'note.txt' is no image"),
            ('a.png\t[{"transcription": 1}]', ContractViolation, "boxes cannot be read"),
            ("", UsageError, "is empty"),
        ],
    )
    def test_what_is_wrong_in_a_list_names_the_line(
        self, tmp_path: Path, line: str, kind: Any, message: str
    ) -> None:
        picture(tmp_path / "a.png")
        (tmp_path / "note.txt").write_text("not a picture")
        (tmp_path / "labels.txt").write_text(line + "\n")
        with pytest.raises(kind, match=message):
            read_held_out(tmp_path, contract=CLASSES)

    def test_a_cut_image_is_named(self, tmp_path: Path) -> None:
        path = picture(tmp_path / "cat" / "a.png")
        path.write_bytes(path.read_bytes()[:40])
        with pytest.raises(ContractViolation, match=r"cat/a\.png: 'a\.png' is no image that can be read"):
            read_held_out(tmp_path)

    def test_two_lists_are_one_too_many(self, tmp_path: Path) -> None:
        for name in ("labels.txt", "labels.csv"):
            (tmp_path / name).write_text("")
        with pytest.raises(UsageError, match="more than one list"):
            read_held_out(tmp_path)

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="neither a list of labels nor folders"):
            read_held_out(tmp_path)

    def test_no_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def denied(*_: Any, **__: Any) -> Any:
            raise PermissionError(13, "Permission denied")

        (tmp_path / "a.csv").write_text("text,label\na,1\n")
        picture(tmp_path / "cat" / "a.png")
        # Root may read everything, so the refusal of the system is played here.
        monkeypatch.setattr(Path, "read_bytes", denied)
        with pytest.raises(UsageError, match=r"a\.csv' cannot be read: Permission denied"):
            read_held_out(tmp_path / "a.csv")
        monkeypatch.setattr(Image, "open", denied)
        with pytest.raises(UsageError, match=r"cat/a\.png: 'a\.png' cannot be read: Permission denied"):
            read_held_out(tmp_path)


class TestMasks:
    contract = replace(CLASSES, task="segmentation")

    def read(self, tmp_path: Path, pixels: Any, mode: str = "L") -> Any:
        picture(tmp_path / "a.png")
        Image.fromarray(np.array(pixels, np.uint8)).convert(mode).save(tmp_path / "a_mask.png")
        (tmp_path / "labels.txt").write_text("a.png a_mask.png\n")
        return read_held_out(tmp_path, contract=self.contract)

    def test_pixels_are_class_indices(self, tmp_path: Path) -> None:
        found = self.read(tmp_path, [[0, 1], [1, 255]])
        assert found.labels[0].tolist() == [[0, 1], [1, 255]]
        assert found.digest != self.read(tmp_path, [[0, 1], [0, 255]]).digest

    def test_what_is_no_mask(self, tmp_path: Path) -> None:
        with pytest.raises(ContractViolation, match="holds class 2, and the contract has 2 labels"):
            self.read(tmp_path, [[0, 2]])
        with pytest.raises(ContractViolation, match="has mode RGB"):
            self.read(tmp_path, [[0, 1]], "RGB")
        (tmp_path / "labels.txt").write_text("a.png gone.png\n")
        with pytest.raises(NotFound, match=r"no image 'gone\.png'"):
            read_held_out(tmp_path, contract=self.contract)
        with pytest.raises(ContractViolation, match="one class index a pixel"):
            read_held_out(
                npz(tmp_path / "a.npz", image=np.zeros((1, 1, 2, 2)), label=[0.5]), contract=self.contract
            )


class TestTables:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("a.csv", 'text,label,city\n"good, really",dog,Wuhan\nbad,cat,Xi\'an\n'),
            ("a.tsv", "text\tlabel\tslice_city\ngood, really\tdog\tWuhan\nbad\tcat\tXi'an\n"),
            ("a.jsonl", '{"text": "good, really", "label": "dog", "city": "Wuhan"}\n'
                        '{"text": "bad", "label": 0, "city": "Xi\'an"}\n'),
        ],
    )  # fmt: skip
    def test_text_label_and_further_columns(self, tmp_path: Path, name: str, text: str) -> None:
        (tmp_path / name).write_text(text, "utf-8")
        found = read_held_out(tmp_path / name, contract=CLASSES)
        assert [each.payload for each in found] == ["good, really", "bad"]
        assert found.labels == [1, 0]
        assert [each.slices["city"] for each in found] == ["Wuhan", "Xi'an"]

    def test_a_cell_may_hold_lines(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text('text,label\n"one\n\ntwo",1\n\nthree,0\n')
        found = read_held_out(tmp_path / "a.csv")
        assert [(each.key, each.payload) for each in found] == [("4", "one\n\ntwo"), ("6", "three")]

    def test_an_empty_text_stays_a_sample(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("text,label\n,cat\n")
        assert [each.payload for each in read_held_out(tmp_path / "a.csv", contract=CLASSES)] == [""]

    def test_images_by_name(self, tmp_path: Path) -> None:
        picture(tmp_path / "a.png")
        (tmp_path / "labels.csv").write_text("image,label,light\na.png,cat,dim\n")
        found = read_held_out(tmp_path, contract=CLASSES)
        assert found.samples[0].payload == tmp_path / "a.png"
        assert found.samples[0].slices == {"light": "dim"}

    @pytest.mark.parametrize(
        ("name", "text", "kind", "message"),
        [
            ("a.csv", "text,label\na\n", ContractViolation, "line 2 has 1 cells instead of 2"),
            ("a.csv", "text,label\na,b,c\n", ContractViolation, "line 2 has 3 cells instead of 2"),
            ("a.csv", 'text,label\n"a,b\n', ContractViolation, "unexpected end of data"),
            ("a.csv", "text,truth\na,1\n", UsageError, "no column with the label; it has text, truth"),
            ("a.csv", "words,label\na,1\n", UsageError, "nothing to infer on; it has words, label"),
            ("a.csv", "", UsageError, "is empty"),
            ("a.jsonl", "{\n", ContractViolation, "line 1 is no JSON"),
            ("a.jsonl", "[1]\n", ContractViolation, "line 1 is no JSON object"),
            ("a.jsonl", '{"text": 3, "label": 1}\n', ContractViolation, "'text' is 3, not text"),
            ("a.parquet", "x", UsageError, "no held-out set that can be read"),
        ],
    )
    def test_what_is_wrong_in_a_table(
        self, tmp_path: Path, name: str, text: str, kind: Any, message: str
    ) -> None:
        (tmp_path / name).write_text(text)
        with pytest.raises(kind, match=message):
            read_held_out(tmp_path / name)

    @given(kind=st.sampled_from(["csv", "tsv", "jsonl", "txt"]), data=st.binary(max_size=80))
    def test_garbage_is_our_error_or_a_set(
        self, tmp_path_factory: pytest.TempPathFactory, kind: str, data: bytes
    ) -> None:
        path = tmp_path_factory.getbasetemp() / f"garbage.{kind}"
        path.write_bytes(data)
        with contextlib.suppress(SeatrialError):
            read_held_out(path)


class TestDigest:
    def test_does_not_depend_on_where_the_files_lie(self, tmp_path: Path) -> None:
        for place in ("here", "there"):
            picture(tmp_path / place / "cat" / "a.png", 7)
        assert read_held_out(tmp_path / "here").digest == read_held_out(tmp_path / "there").digest

    def test_depends_on_every_pixel_label_slice_and_on_the_order(self, tmp_path: Path) -> None:
        def digest(images: Any, label: Any, font: Any) -> str:
            return read_held_out(npz(tmp_path / "a.npz", image=images, label=label, slice_font=font)).digest

        images = np.zeros((2, 1, 2, 2), np.float32)
        other = images.copy()
        other[1, 0, 1, 1] = 1e-6
        variants = [
            (images, [0, 1], ["a", "a"]),
            (other, [0, 1], ["a", "a"]),
            (images, [0, 0], ["a", "a"]),
            (images, [0, 1], ["a", "b"]),
            (images, [1, 0], ["a", "a"]),
            (images.astype(np.float64), [0, 1], ["a", "a"]),
        ]
        assert len({digest(*each) for each in variants}) == len(variants)


def test_what_is_not_there() -> None:
    with pytest.raises(NotFound, match="there is no held-out set"):
        read_held_out(Path("nowhere.npz"))
    with pytest.raises(UsageError, match="1 sample or more"):
        read_held_out(Path("nowhere.npz"), limit=0)


@pytest.mark.parametrize(
    ("task", "label", "expected"),
    [
        ("classification", "1", 1),
        ("classification", "dog", 1),
        ("classification", 1.0, 1),
        ("text-recognition", 2026, "2026"),
        ("regression", "1.5", 1.5),
        ("tensor", {"any": "thing"}, {"any": "thing"}),
        ("detection", [[0, 0, 1, 1]], [[0, 0, 1, 1]]),
    ],
)
def test_labels_take_the_form_of_the_task(task: str, label: Any, expected: Any) -> None:
    found = checked_label(label, replace(CLASSES, task=task), "k")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("task", "label"),
    [
        ("classification", True),
        ("classification", "2"),
        ("text-recognition", [1]),
        ("regression", "much"),
        ("regression", float("nan")),
        ("detection", 3),
    ],
)
def test_labels_that_cannot_be_are_refused(task: str, label: Any) -> None:
    with pytest.raises(ContractViolation, match="'k'"):
        checked_label(label, replace(CLASSES, task=task), "k")
