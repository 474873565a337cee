"""`seatrial diagnose` and `seatrial check --diagnose`: what people read, what is written, how it exits."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from seatrial.checks import (
    Baseline,
    Candidate,
    GateRun,
    document_schema,
    dump,
    load,
    load_profile,
    open_trial,
    read_report,
    run_gate,
)
from seatrial.cli._diagnosis_check import finding_of, with_diagnosis
from seatrial.cli._diagnosis_document import SCHEMA, Document, Fed
from seatrial.cli._diagnosis_fix import line_of, outside_contract, write_fixed
from seatrial.cli._diagnosis_html import to_html
from seatrial.cli._diagnosis_pictures import _first
from seatrial.cli._diagnosis_text import columns, to_terminal, wrapped
from seatrial.cli.diagnose import Opened, searched
from seatrial.cli.main import main
from seatrial.contract import (
    Contract,
    dump_contract,
    fingerprinted,
    load_contract,
    read_held_out,
    save_contract,
)
from seatrial.converters import convert
from seatrial.diagnosis import Case, Diagnosis, Setup
from seatrial.diagnosis.deployed import LocalRunner
from seatrial.errors import ContractViolation
from seatrial.faults import Good, Release, all_faults
from seatrial.model import open_model
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


# -- on a real model -----------------------------------------------------------------------------------------
def broken_contract(folder: Path) -> None:
    """Normalizes, which training did not."""
    file = folder / "contract.yaml"
    text = file.read_text().replace(
        "  - cast: {dtype: float32}",
        "  # as in training\n  - cast: {dtype: float32}\n"
        "  - normalize: {scale: 1.0, mean: [0.5], std: [0.5]}",
    )
    file.write_text(text.replace(", low: 0.0, high: 1.0}", "}"))


@pytest.fixture
def wrong(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good release, and one whose contract normalizes."""
    root = Path(__file__).resolve().parents[2]
    for name in ("good", "wrong"):
        shutil.copytree(digits / "model", tmp_path / name)
        shutil.copy(root / "examples" / "digits" / "contract.yaml", tmp_path / name / "contract.yaml")
    broken_contract(tmp_path / "wrong")
    for name in ("held_out.npz", "training_side.npz"):
        shutil.copy(digits / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["seatrial", "diagnose"])
    return tmp_path


DATA = ["--data", "held_out.npz", "--quiet"]


@pytest.mark.slow
@pytest.mark.parametrize("reference", ["good", "training_side.npz", "labels"])
def test_a_normalization_too_many_is_found_and_taken_out(
    wrong: Path, reference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", "wrong", "--reference", reference, "--fix", *DATA]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("Cause found")
    assert "mean and deviation" in shown
    assert re.search(r"contract.yaml line \d+", shown)
    assert re.search(r"accuracy before +FAIL", shown)
    assert re.search(r"accuracy after +PASS", shown)
    fixed = wrong / "wrong" / "contract.fixed.yaml"
    assert "# as in training" in fixed.read_text()
    document = json.loads((wrong / "seatrial-out" / "diagnosis.json").read_text())
    assert document["proof"]["tried"]["changes"][0]["hypothesis"] == "mean-std"
    assert document["proof"]["p_value"] < 1e-3
    assert main(["diagnose", "wrong", "--contract", str(fixed), "--reference", "good", *DATA]) == 0


@pytest.mark.slow
def test_the_training_side_itself_is_a_reference(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).resolve().parents[2]
    (wrong / "save.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(root / 'examples' / 'digits')!r})\n"
        "import paddle\nfrom train import train\n"
        "paddle.save(train(7, 1).state_dict(), 'one.pdparams')\n"
    )
    import subprocess
    import sys

    subprocess.run([sys.executable, "-W", "ignore", "save.py"], check=True, capture_output=True)
    recipe = f"{root / 'examples' / 'digits' / 'train.py'}:DigitsNet"
    arguments = ["diagnose", "good", "--reference", recipe, "--weights", "one.pdparams"]
    assert main([*arguments, *DATA]) == 1  # one epoch is not twelve: other weights, and the tool says so
    shown = capsys.readouterr().out
    assert "run with paddle 3" in shown
    assert "no cause" in shown.lower()


@pytest.mark.slow
def test_nothing_to_explain_exits_with_0(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "good", "--reference", "training_side.npz", "--lang", "zh", *DATA]) == 0
    assert "两边一致" in capsys.readouterr().out
    assert "two" not in (wrong / "seatrial-out" / "diagnosis.html").read_text("utf-8")[:200]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["v2", "v1"])
def test_a_running_service_is_diagnosed(wrong: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It really runs the model; for v2 the client prepares wrongly, behind v1 the service does."""
    artifact = open_model(wrong / "good")
    served = load_contract(wrong / "wrong" / "contract.yaml")
    setup = Setup(served, artifact)
    spec = {"inputs": artifact.inputs, "outputs": artifact.outputs}
    metadata = {
        name: [{"name": each.name, "datatype": "FP32", "shape": [-1, *each.shape[1:]]} for each in specs]
        for name, specs in spec.items()
    }

    def answer(_kind: str, body: bytes, _query: str):
        values = np.array(json.loads(body)["inputs"]["image"], np.float32)
        return _answered(runner, setup, served, values)

    with LocalRunner() as runner:
        model = FakeModel(
            infer=lambda feeds, _: {artifact.outputs[0].name: runner.infer(setup, feeds)[0]},
            answer=answer,
            metadata={"name": "digits", **metadata},
            extensions=("binary_tensor_data",),
        )
        runner.session(setup)
        with serving(model) as host:
            path = "/v2/models/digits" if kind == "v2" else "/v1/models/digits/predict"
            arguments = ["--contract", "wrong/contract.yaml", "--reference", "training_side.npz"]
            if kind == "v1":
                arguments[-1] = "labels"
            code = main(["diagnose", host + path, *arguments, "--limit", "100", *DATA])
    shown = capsys.readouterr().out
    assert code == 1
    assert f"the service at {host}" in shown
    if kind == "v2":
        assert shown.startswith("Cause found")
        assert "mean and deviation" in shown


def _answered(runner: LocalRunner, setup: Setup, served: Contract, values: np.ndarray):
    feeds, context = served.prepare(values)
    return served.answer(runner.infer(setup, feeds), 0, context)


@pytest.mark.slow
def test_a_failed_check_is_told_why(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", "wrong", "--data", "held_out.npz", "--only", "accuracy", "--diagnose", "--quiet"]
    assert main([*arguments, "-o", "out"]) == 1
    assert "The service normalizes; training did not." in capsys.readouterr().out
    report = read_report(wrong / "out" / "report.json")
    assert report.reason.en.endswith("Why: The service normalizes; training did not.")
    finding = next(f for each in report.results for f in each.findings if f.id == "accuracy.diagnosis")
    assert finding.where.startswith("contract.yaml line ")
    assert finding.cause is not None
    assert {each.kind for each in finding.evidence} == {"table", "picture"}
    assert "data:image/png" in (wrong / "out" / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_a_label_map_that_is_shifted_is_found_by_names_in_the_data(
    wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The names are taken as they stand in the data: read by the shifted map, they would all be right."""
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    good = load_contract(wrong / "good" / "contract.yaml")
    shifted = replace(good, labels=(*names[1:], names[0]), fingerprints={})
    (wrong / "good" / "contract.yaml").write_text(dump_contract(fingerprinted(shifted)))
    with np.load("held_out.npz") as arrays:
        np.savez("named.npz", image=arrays["image"], label=np.array(names)[arrays["label"]])
    arguments = ["--reference", "labels", "--data", "named.npz", "--fix", "--quiet"]
    assert main(["diagnose", "good", *arguments]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("Cause found")
    assert "label map" in shown
    assert load_contract(wrong / "good" / "contract.fixed.yaml").labels == names
    assert re.search(r"accuracy after +PASS", shown)


@pytest.mark.slow
def test_where_only_consistency_failed_the_same_model_run_plainly_is_the_reference(
    wrong: Path, tmp_path: Path
) -> None:
    artifact = open_model(wrong / "good")
    held_out = read_held_out(wrong / "held_out.npz", limit=80)
    good = Good(Release(artifact.graph, load_contract(wrong / "good" / "contract.yaml"), held_out), artifact)
    (tmp_path / "training").mkdir()
    broken = all_faults()["batch-norm-in-training"].make(good, tmp_path / "training", 7)
    save_contract(broken.contract, broken.model.parent / "contract.yaml")
    arguments = ["check", str(broken.model), "--data", "held_out.npz", "--only", "consistency", "--quiet"]
    assert main([*arguments, "--diagnose", "-o", "out"]) == 1
    report = read_report(wrong / "out" / "report.json")
    finding = next(f for each in report.results for f in each.findings if f.id == "consistency.diagnosis")
    assert "batch" in finding.data["hypotheses"]
    assert finding.data["reference"].startswith("the same model, sample by sample")


def kept_as(accepted: Path, digest: str) -> Baseline:
    """A baseline of a model that lies there."""
    return Baseline(
        name="kept",
        model_digest=open_model(accepted).digest,
        data_digest="",
        preprocess_digest=digest,
        environment_digest="",
        model_path=str(accepted / "inference.json"),
        figures={},
        accepted_by="me",
        reason="first",
        accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.slow
def test_the_accepted_model_is_the_reference_while_it_is_what_it_was(wrong: Path, tmp_path: Path) -> None:
    right = load_contract(wrong / "good" / "contract.yaml").preprocess_digest()
    found = {}
    for name, digest in (("kept", right), ("changed", "sha256:other")):
        candidate = Candidate(
            artifact=open_model(wrong / "wrong"),
            contract=load_contract(wrong / "wrong" / "contract.yaml"),
            held_out=read_held_out(wrong / "held_out.npz", limit=60),
            profile=load_profile("cpu-server"),
            baseline=kept_as(wrong / "good", digest),
        )
        (tmp_path / name).mkdir()
        with open_trial(candidate, tmp_path / name, convert=convert) as trial:
            clock = GateRun(command="x", clock=lambda: datetime.now(UTC), only=frozenset({"accuracy"}))
            report = with_diagnosis(
                run_gate(trial, clock),
                trial,
                source=str(wrong / "wrong" / "contract.yaml"),
                budget=30,
                say=lambda _: None,
            )
        found[name] = next(f for r in report.results for f in r.findings if f.id == "accuracy.diagnosis")
    assert found["kept"].data["reference"].startswith("the model of baseline 'kept'")
    assert found["kept"].data["hypotheses"] == ["mean-std"]
    assert found["changed"].data["reference"].startswith("the labels")


@pytest.mark.slow
def test_a_diagnosis_that_breaks_costs_no_report(wrong: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("oh no")

    monkeypatch.setattr("seatrial.cli._diagnosis_check.searched", broken)
    arguments = ["check", "wrong", "--data", "held_out.npz", "--only", "accuracy", "--diagnose", "--quiet"]
    assert main([*arguments, "-o", "out"]) == 1
    report = read_report(wrong / "out" / "report.json")
    finding = next(f for each in report.results for f in each.findings if f.id == "accuracy.diagnosis")
    assert finding.verdict == "SKIP"
    assert "RuntimeError: oh no" in finding.summary.en


@pytest.mark.slow
def test_a_check_that_passes_is_not_diagnosed(wrong: Path) -> None:
    arguments = ["check", "good", "--data", "held_out.npz", "--only", "accuracy", "--diagnose", "--quiet"]
    assert main([*arguments, "-o", "out"]) == 0
    report = read_report(wrong / "out" / "report.json")
    assert not [f for each in report.results for f in each.findings if f.id.endswith(".diagnosis")]


def test_the_published_schema_is_the_one_of_the_code(update_golden: bool) -> None:
    published = Path(__file__).resolve().parents[2] / "docs" / "reference" / "diagnosis.schema.json"
    schema = document_schema(Document, SCHEMA, "Diagnosis of a deployed model")
    if update_golden:
        published.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", "utf-8")
    assert json.loads(published.read_text("utf-8")) == schema
