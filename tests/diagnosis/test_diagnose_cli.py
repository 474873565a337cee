"""`seatrial diagnose` and `seatrial check --diagnose`: what people read, what is written, how it exits."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatrial.checks import (
    document_schema,
    dump,
    load,
)
from seatrial.cli._diagnosis_check import finding_of
from seatrial.cli._diagnosis_document import SCHEMA, Document, Fed
from seatrial.cli._diagnosis_fix import line_of, outside_contract, write_fixed
from seatrial.cli._diagnosis_html import to_html
from seatrial.cli._diagnosis_pictures import _first
from seatrial.cli._diagnosis_text import columns, to_terminal, wrapped
from seatrial.cli.diagnose import Opened, searched
from seatrial.cli.main import main
from seatrial.contract import (
    dump_contract,
    fingerprinted,
    load_contract,
)
from seatrial.diagnosis import Case, Diagnosis, Setup
from seatrial.errors import ContractViolation
from support.services import FakeModel, serving
from support.toy_case import Matrix, contract, toy_case

Found = tuple[Case, Document, Diagnosis]


def swapped(setup: Setup) -> Setup:
    return setup.with_options("preprocess", 0, color="BGR")


def found_in(folder: Path, edit=swapped) -> Found:
    """A diagnosis of the toy case, its contract in a file."""
    case = toy_case(edit)
    file = folder / "contract.yaml"
    file.write_text(dump_contract(fingerprinted(case.setup.contract)))
    opened = Opened(case.setup, Matrix(), "toy", str(file), file, file)
    return searched(
        opened, case.samples, case.reference, scratch=folder, seed=7, budget=60, say=lambda _: None
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return found_in(tmp_path_factory.mktemp("found"))


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return found_in(tmp_path_factory.mktemp("fine"), lambda setup: setup)


def test_the_sentence_names_cause_evidence_file_and_line(found: Found) -> None:
    _, document, _ = found
    assert document.verdict == "cause"
    assert re.search(r"n=64, p<1e-0?9", document.sentence.en)
    line = Path(document.contract).read_text().splitlines().index("  - decode_image: {color: BGR}") + 1
    assert f"Fix: contract.yaml line {line}: set color: RGB" in document.sentence.en
    assert f"contract.yaml 第 {line} 行：" in document.sentence.zh


def test_the_document_is_json_and_back_and_has_a_schema(found: Found, fine: Found) -> None:
    import jsonschema

    schema = document_schema(Document, SCHEMA, "Diagnosis")
    for _, document, _ in (found, fine):
        text = dump(document)
        assert load(Document, text, schema=SCHEMA, hint="") == document
        jsonschema.validate(json.loads(text), schema)


def test_before_and_after_are_shown_for_pictures(found: Found, fine: Found) -> None:
    titles = [each.title.en for each in found[1].pictures]
    assert len(titles) == 6
    assert "as deployed" in titles[0]
    assert "with the cause undone" in titles[1]
    assert found[1].pictures[0].png_base64 != found[1].pictures[1].png_base64
    assert fine[1].pictures == ()


def test_inputs_that_are_no_pictures_are_shown_as_numbers(tmp_path: Path) -> None:
    values = np.array([[101, 7, 8, 102]]), np.array([[101, 8, 7, 102]])
    assert [_first(each) for each in (*values, None)] == [
        "101, 7, 8, 102  [4]",
        "101, 8, 7, 102  [4]",
        "–",
    ]
    assert _first(np.zeros((1, 40), np.float32)).endswith(", …  [40]")
    shown = replace(found_in(tmp_path)[1], fed=(Fed("3", "ids", _first(values[0]), _first(values[1])),))
    assert "101, 8, 7, 102" in to_html(shown, language="en")
    assert "What the model was fed" in [each.title.en for each in finding_of(shown, "accuracy").evidence]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_whole_and_needs_nothing_else(found: Found, fine: Found, language: str) -> None:
    for _, document, _ in (found, fine):
        page = to_html(document, language=language)
        sentence = html.escape(document.sentence.in_language(language))
        assert sentence.replace("1e-", "1e\u2011") in page
        assert not re.search(r"(src|href)=\"(?!data:|#)", page)
        assert "<script" not in page
        assert len(page.encode()) < 1_000_000
    assert to_html(found[1], language=language).count("data:image/png;base64") == 6


def test_hostile_names_stay_text(found: Found) -> None:
    evil = replace(found[1], deployed="<img src=x onerror=alert(1)>\x1b[31m\n", notes=("<i>x",))
    page = to_html(evil, language="en")
    assert "<img src=x" not in page
    assert "<i>" not in page
    assert "\x1b" not in to_terminal(evil, language="en", width=80, color=False)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [60, 100])
def test_the_terminal_shows_the_answer_first_and_keeps_its_width(
    found: Found, language: str, width: int
) -> None:
    shown = to_terminal(found[1], language=language, width=width, color=False).splitlines()
    assert shown[0] == {"en": "Cause found", "zh": "找到原因"}[language]
    assert (
        "".join(shown[1:4])
        .replace(" ", "")
        .startswith(found[1].sentence.in_language(language).replace(" ", "")[:60])
    )
    assert any("rgb" in each and "->" in each for each in shown)
    assert max(columns(each) for each in shown[:8]) <= width


def test_lines_break_between_words_and_between_characters() -> None:
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("服务送入的是 RGB，训练时用的是 BGR。", 13) == [
        "服务送入的是",
        "RGB，训练时用",
        "的是 BGR。",
    ]
    assert wrapped("", 10) == [""]


def test_the_fix_is_written_beside_and_never_over(found: Found) -> None:
    _, document, diagnosis = found
    old = Path(document.contract)
    before = old.read_text()
    names = [write_fixed(diagnosis.setup.contract, old).path.name for _ in range(2)]
    assert names == ["contract.fixed.yaml", "contract.fixed.2.yaml"]
    assert old.read_text() == before
    assert load_contract(old.with_name(names[0])).preprocess == contract().preprocess
    assert (old.with_name(names[0])).read_text().count("color: RGB") == 1
    assert not [each for each in old.parent.iterdir() if each.name.startswith(".")]


def test_a_changed_list_in_a_file_gets_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("apple\nboat\ncloud\ndrum\n")
    kept = fingerprinted(replace(contract(), files={"labels": "names.txt"}))
    old = tmp_path / "contract.yaml"
    old.write_text("# mine\n" + dump_contract(kept))
    shifted = replace(load_contract(old), labels=("drum", "apple", "boat", "cloud"), fingerprints={})
    written = write_fixed(shifted, old)
    read = load_contract(written.path)
    assert read.labels == shifted.labels
    assert read.files["labels"] == "contract.fixed.labels.txt"
    assert (tmp_path / "names.txt").read_text() == "apple\nboat\ncloud\ndrum\n"
    assert written.path.read_text().startswith("# mine\n")
    same = write_fixed(replace(load_contract(old), name="toy"), old)
    assert load_contract(same.path).files["labels"] == "names.txt"


def test_a_fix_that_no_contract_says_is_known_as_such(found: Found) -> None:
    case, _, diagnosis = found
    assert not outside_contract(diagnosis, case.setup)
    elsewhere = replace(diagnosis, setup=replace(diagnosis.setup, where={"version": "2"}))
    assert outside_contract(elsewhere, case.setup)


def test_lines_are_known_only_where_there_is_a_file(tmp_path: Path) -> None:
    assert line_of(None)(("preprocess", 0)).en == ""
    (tmp_path / "c.yaml").write_text(dump_contract(contract()))
    place = line_of(tmp_path / "c.yaml")
    assert re.fullmatch(r"c.yaml line \d+", place(("preprocess", 2)).en)
    assert re.fullmatch(r"c.yaml 第 \d+ 行", place(("preprocess", 2)).zh)
    (tmp_path / "c.yaml").write_text("a: [")
    with pytest.raises(ContractViolation):
        line_of(tmp_path / "c.yaml")


def test_hypotheses_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "hypotheses"]) == 0
    assert "channel-order" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["gone", "--reference", "labels"], 2, "gone"),
        (["http://127.0.0.1:9/v2/models/m", "--reference", "labels"], 5, "cannot be reached"),
        (["http://127.0.0.1:9/", "--reference", "labels"], 2, "names no model"),
        (
            ["http://127.0.0.1:9/v1/models/m/predict", "--contract", "c.yaml", "--reference", "labels"],
            5,
            "cannot be reached",
        ),
    ],
)
def test_what_cannot_be_diagnosed_exits_with_its_own_code(
    arguments,
    code,
    said,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(dump_contract(contract()))
    data = tmp_path / "data.npz"
    np.savez(data, x=np.zeros((3, 2), np.float32), label=np.arange(3))
    assert main(["diagnose", *arguments, "--data", str(data), "-o", str(tmp_path / "out")]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_predict_endpoint_needs_a_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(FakeModel()) as host:
        arguments = ["diagnose", f"{host}/v1/models/m/predict", "--reference", "labels"]
        assert main([*arguments, "--data", str(tmp_path)]) == 2
    assert "--contract" in capsys.readouterr().err


@pytest.mark.parametrize("reference", ["labels", "answers.jsonl"])
def test_a_service_that_does_everything_is_diagnosed_by_what_is_sent(
    reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["seatrial", "diagnose"])
    good = toy_case(knows=("answers",))
    assert good.reference.answers is not None
    (tmp_path / "images").mkdir()
    labels, lines = ["file,label"], []
    for sample, answer in zip(good.samples, good.reference.answers, strict=True):
        name = f"{sample.key}.png"
        (tmp_path / "images" / name).write_bytes(sample.payload)  # type: ignore[arg-type]  # the toy's are PNG
        labels.append(f"{name},{answer['class']}")
        lines.append(json.dumps({"key": name, "answer": answer}))
    (tmp_path / "images" / "labels.csv").write_text("\n".join(labels))
    (tmp_path / "answers.jsonl").write_text("\n".join(lines))
    served, model = swapped(good.setup).contract, Matrix()
    (tmp_path / "contract.yaml").write_text(dump_contract(served))

    def answer(_kind: str, body: bytes, _query: str):
        feeds, context = served.prepare(body)
        return served.answer(model.infer(good.setup, feeds), 0, context)

    with serving(FakeModel(answer=answer)) as host:
        arguments = [f"{host}/v1/models/toy/predict", "--contract", "contract.yaml", "--reference", reference]
        assert main(["diagnose", *arguments, "--data", "images", "--fix", "--quiet"]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("Cause found")
    assert "channel order" in shown
    assert "outside the contract" in shown
    assert not list(tmp_path.glob("contract.fixed*"))


def test_the_published_schema_is_the_one_of_the_code(update_golden: bool) -> None:
    published = Path(__file__).resolve().parents[2] / "docs" / "reference" / "diagnosis.schema.json"
    schema = document_schema(Document, SCHEMA, "Diagnosis of a deployed model")
    if update_golden:
        published.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", "utf-8")
    assert json.loads(published.read_text("utf-8")) == schema
