"""Samples that travel with a model: chosen without chance, kept as they lie, listed for others to read."""

from __future__ import annotations

import dataclasses
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from seatrial.contract import Pipeline, Sample, StepCall
from seatrial.deliverables import write_bundle
from seatrial.deliverables._choice import in_turn
from seatrial.deliverables._listing import read_listing
from seatrial.deliverables._payloads import packed, unpacked
from seatrial.deliverables._vectors import nudge
from seatrial.deliverables.models import DELIVERABLE as MODELS
from seatrial.deliverables.samples import DELIVERABLE
from seatrial.errors import ContractViolation, NotFound, TrustError, UsageError
from support import networks
from support.handovers import network_bundle, network_handover

CONTRACT = networks.contract()
PICTURES = dataclasses.replace(CONTRACT, preprocess=Pipeline((StepCall("decode_image", {}),)))


# -- which -------------------------------------------------------------------------------------------------
def _labelled(count: int, classes: int = 4, slices: int = 2) -> list[Sample]:
    return [
        Sample(str(place), f"text {place}", place % classes, {"font": f"f{place // classes % slices}"})
        for place in range(count)
    ]


def _first(samples: list[Sample], count: int) -> list[Sample]:
    turn = in_turn(samples)
    return [next(turn) for _ in range(count)]


def test_every_class_and_slice_gets_its_turn() -> None:
    taken = _first(_labelled(400), 16)
    assert Counter(each.label for each in taken) == dict.fromkeys(range(4), 4)
    assert Counter(each.slices["font"] for each in taken) == {"f0": 8, "f1": 8}


def test_a_rare_class_is_not_forgotten() -> None:
    samples = [*_labelled(300, classes=1), Sample("x", "the only one", 9)]
    assert any(each.label == 9 for each in _first(samples, 2))


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(random: Any) -> None:
    samples = _labelled(60)
    shuffled = list(samples)
    random.shuffle(shuffled)
    assert [each.key for each in _first(shuffled, 12)] == [each.key for each in _first(samples, 12)]


def test_texts_that_are_all_different_are_spread_over_slices() -> None:
    samples = [
        Sample(str(each), f"t{each}", f"text {each}", {"noise": "abc"[each % 3]}) for each in range(90)
    ]
    assert Counter(each.slices["noise"] for each in _first(samples, 12)) == dict.fromkeys("abc", 4)


def test_all_come_in_the_end_and_each_once() -> None:
    samples = _labelled(37)
    assert sorted(each.key for each in in_turn(samples)) == sorted(each.key for each in samples)


# -- in which form -----------------------------------------------------------------------------------------
def test_a_picture_keeps_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "odd.name"
    file.write_bytes(b"\xff\xd8\xff\xe0 not touched \x00")
    assert packed(file, PICTURES) == ("image", ".jpg", file.read_bytes())
    assert packed(file.read_bytes(), PICTURES) == ("image", ".jpg", file.read_bytes())
    named = dataclasses.replace(PICTURES, root=tmp_path)
    assert packed("odd.name", named) == ("image", ".jpg", file.read_bytes())


def test_a_picture_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ContractViolation, match=r"gone\.png"):
        packed(tmp_path / "gone.png", PICTURES)


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (b"\x89PNG\r\n", ".png"),
        (b"BM..", ".bmp"),
        (b"RIFF\0\0\0\0WEBPVP8 ", ".webp"),
        (b"GIF89a", ".gif"),
        (b"II*\0", ".tif"),
        (b"?", ".bin"),
    ],
    ids=["png", "bmp", "webp", "gif", "tif", "other"],
)
def test_the_suffix_comes_from_the_bytes(data: bytes, suffix: str) -> None:
    assert packed(data, PICTURES)[1] == suffix


@given(st.text())
def test_a_text_comes_back(text: str) -> None:
    kind, suffix, data = packed(text, CONTRACT)
    assert (kind, suffix, unpacked(kind, suffix, data, CONTRACT)) == ("text", ".txt", text)


ARRAYS = st.sampled_from(["<f4", ">f4", "<i8", "|u1", "|b1"]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=3, max_side=4))
)


@given(ARRAYS)
def test_an_array_comes_back(array: Any) -> None:
    kind, suffix, data = packed(array, CONTRACT)
    again = unpacked(kind, suffix, data, CONTRACT)
    assert (kind, suffix) == ("array", ".npy")
    assert data[:8] == b"\x93NUMPY\x01\x00"  # version 1.0
    assert b"'>" not in data[:128]  # little-endian
    assert isinstance(again, np.ndarray)
    assert again.shape == array.shape
    np.testing.assert_array_equal(again, array)


@given(ARRAYS, ARRAYS)
def test_arrays_by_name_come_back(one: Any, two: Any) -> None:
    again = unpacked(*packed({"ids": one, "mask": two}, CONTRACT), CONTRACT)
    assert isinstance(again, dict)
    assert list(again) == ["ids", "mask"]
    np.testing.assert_array_equal(again["ids"], one)
    np.testing.assert_array_equal(again["mask"], two)


def test_text_among_arrays_goes_as_the_body_of_a_request() -> None:
    payload = {"image": np.ones((1, 2), "float32") / 3, "text": np.array(["一", "b"], object)}
    kind, suffix, data = packed(payload, CONTRACT)
    assert (kind, suffix) == ("json", ".json")
    assert json.loads(data)["inputs"]["text"] == ["一", "b"]
    again = unpacked(kind, suffix, data, CONTRACT)
    assert isinstance(again, dict)
    assert again["image"].dtype == np.float32
    np.testing.assert_array_equal(again["image"], payload["image"])
    assert again["text"].tolist() == ["一", "b"]


@pytest.mark.parametrize(
    ("kind", "suffix", "data"),
    [
        ("array", ".npy", b"\x93NUMPY"),
        ("array", ".npz", b"PK"),
        ("json", ".json", b"[]"),
        ("text", ".txt", b"\xff"),
    ],
    ids=["npy", "npz", "json", "text"],
)
def test_a_damaged_payload(kind: str, suffix: str, data: bytes) -> None:
    with pytest.raises(ContractViolation, match="damaged"):
        unpacked(kind, suffix, data, CONTRACT)


@given(arrays("float32", (1, 3, 4), elements=st.floats(0, 1, width=32)), st.sampled_from([0, 1]))
def test_a_nudge_is_no_more_than_rounding(array: Any, phase: int) -> None:
    ids = np.arange(3)
    moved = nudge({"x": array, "ids": ids}, phase)
    assert moved["ids"] is ids
    assert moved["x"].dtype == array.dtype
    assert moved["x"].min() >= array.min()
    assert moved["x"].max() <= array.max()
    np.testing.assert_allclose(moved["x"], array, rtol=2.5e-7)


# -- in the bundle -----------------------------------------------------------------------------------------
def test_what_is_listed_is_what_the_handover_had(tmp_path: Path) -> None:
    handover = network_handover(tmp_path / "made")
    bundle = write_bundle(handover, tmp_path / "b")
    read = list(read_listing(bundle, handover.contract))
    assert len(read) == len(handover.vectors) == 12
    for one, other in zip(read, handover.vectors, strict=True):
        assert (one.name, one.answer) == (other.name, other.answer)
        for wanted, got in ((other.feeds, one.feeds), (other.outputs, one.outputs)):
            assert list(got) == list(wanted)
            for name, array in wanted.items():
                np.testing.assert_array_equal(got[name], array)
                assert got[name].dtype == array.dtype


def test_arrays_are_of_the_form_that_every_language_reads(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)
    files = [each for each in bundle.manifest.of_role("sample") if each.path.endswith(".npy")]
    assert len(files) == 3 * 12
    for each in files:
        head = bundle.path(each).read_bytes()[:128]
        assert head.startswith(b"\x93NUMPY\x01\x00")
        assert b"'descr': '<f4'" in head
        assert b"'fortran_order': False" in head


def test_the_page_says_how_to_ask(tmp_path: Path) -> None:
    handover = network_handover(tmp_path)
    made = {each.path: each.content for each in DELIVERABLE.make(handover)}
    page = made["samples/README.md"].decode()
    assert "curl --json @request.json http://127.0.0.1:8000/v1/models/network/predict" in page
    body = json.loads(made["samples/request.json"])
    first = handover.vectors[0]
    np.testing.assert_array_equal(np.float32(body["inputs"]["image"]), np.load(io.BytesIO(first.payload)))
    assert json.dumps(first.answer) in page


@pytest.mark.parametrize(
    ("kind", "suffix", "line"),
    [
        ("image", ".png", "curl -F file=@000.png "),
        ("text", ".txt", "curl --data-binary @000.txt -H 'Content-Type: text/plain; charset=utf-8' "),
        ("json", ".json", "curl --json @000.json "),
    ],
)
def test_each_kind_of_payload_is_sent_as_it_lies(tmp_path: Path, kind: Any, suffix: str, line: str) -> None:
    handover = network_handover(tmp_path)
    first = dataclasses.replace(handover.vectors[0], kind=kind, suffix=suffix, payload=b"{}")
    handover = dataclasses.replace(handover, vectors=(first,))
    made = {each.path: each.content for each in DELIVERABLE.make(handover)}
    assert line in made["samples/README.md"].decode()
    assert "samples/request.json" not in made
    assert made[f"samples/000{suffix}"] == b"{}"


def test_no_vectors_no_folder(tmp_path: Path) -> None:
    assert list(DELIVERABLE.make(network_handover(tmp_path, vectors=()))) == []


@pytest.mark.parametrize(
    ("old", "new", "error", "says"),
    [
        ("seatrial/vectors/1", "seatrial/vectors/9", UsageError, "seatrial/vectors/9"),
        ("golden/000.feeds.0.npy", "../contract.yaml", ContractViolation, "does not stay"),
        ("golden/000.feeds.0.npy", "golden/gone.npy", NotFound, "golden/gone.npy"),
        ('"payload"', '"load"', ContractViolation, "damaged"),
    ],
    ids=["format", "path", "unlisted", "field"],
)
def test_a_listing_that_is_not_believed(
    tmp_path: Path, old: str, new: str, error: type[Exception], says: str
) -> None:
    handover = network_handover(tmp_path / "made")
    items = [
        dataclasses.replace(each, content=each.content.replace(old.encode(), new.encode()))
        if each.path.endswith("vectors.json")
        else each
        for each in DELIVERABLE.make(handover)
    ]
    changed = dataclasses.replace(DELIVERABLE, make=lambda _: items)
    bundle = write_bundle(handover, tmp_path / "b", deliverables=[MODELS, changed])
    with pytest.raises(error, match=says):
        list(read_listing(bundle, handover.contract))


def test_a_changed_sample_is_refused(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)
    path = bundle.folder / "samples" / "003.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(TrustError, match=r"changed: samples/003\.npy"):
        list(read_listing(bundle, CONTRACT))
