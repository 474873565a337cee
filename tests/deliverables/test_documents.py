"""The five documents: every number has a source that is true, and changes with it."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.checks import CheckResult, Table, Text, from_json, render
from seatrial.cli import main as cli
from seatrial.contract import Pipeline, StepCall, load_contract
from seatrial.deliverables import (
    Deliverable,
    Handover,
    guide,
    model_card,
    technical,
    troubleshooting,
    versions,
)
from seatrial.deliverables._documents.codes import EXIT, STATUS
from seatrial.deliverables._documents.interface import _STEP_WORDS
from seatrial.deliverables._documents.trace import resolve, shown
from seatrial.deliverables._documents.writer import TERMS
from seatrial.extensions import find
from seatrial.model.bundle import Bundle
from seatrial.serve import status
from support import networks
from support.handovers import network_bundle, network_handover
from support.sample_report import sample_report

ALL: dict[str, Deliverable] = {
    "technical": technical.DELIVERABLE,
    "guide": guide.DELIVERABLE,
    "troubleshooting": troubleshooting.DELIVERABLE,
    "versions": versions.DELIVERABLE,
    "model-card": model_card.DELIVERABLE,
}
_MADE: dict[tuple[int, str], tuple[Handover, dict[str, str]]] = {}
# Not those whose dictionaries are made or fetched with the example.
CONTRACTS = [
    each
    for each in (Path(__file__).parents[2] / "examples").glob("*/*contract.yaml")
    if each.parent.name != "reviews" and each.name != "rec.contract.yaml"
]
REPORT = "report/report.json"
SAID = {"intended_use": "Sorting 3 kinds of arrows", "data_cutoff": "2026-09-30"}
FIGURES = {
    "accuracy": {
        "primary": "accuracy",
        "metrics": {
            "accuracy": [0.97555, 0.95676, 0.98629],
            "f1_macro": [0.9761, 0.9597, 0.9875],
            "rmse": 0.25,
        },
        "samples": {"n": 450},
    },
    "performance": {"performance.latency": 4.886, "performance.knee": 1064.82, "performance.memory": 203.6},
}
TABLES = {
    "accuracy": [
        Table(
            Text("Recall by class", "各类别召回率"),
            ("class", "samples", "recall", "low", "high"),
            tuple((f"class {each}", 40 + each, 0.9 + each / 100, 0.8, 0.99) for each in range(4)),
        )
    ],
    "consistency": [
        Table(
            Text("Every variant against the reference", "各运行方式与参考的比较"),
            ("variant", "verdict", "relative", "cosine", "top-1 changed", "exercised"),
            (
                ("paddle", "PASS", 2.98e-7, 1.0, 0, "paddle 3.2.2, 1 threads"),
                ("openvino", "FAIL", 0.25, 0.9, 3, "openvino 2026.4.1, 1 threads"),
            ),
        )
    ],
    "performance": [
        Table(
            Text("Throughput by clients", "不同客户端数的吞吐"),
            ("clients", "1/s", "P50 ms"),
            tuple((each, 1051.2 * each, 0.8657) for each in (1, 2, 4, 8)),
        )
    ],
}
SETTINGS = {"epochs": 30, "optimizer": {"name": "adam", "rate": 0.00025}, "stages": [{"size": 64}]}


@dataclasses.dataclass(frozen=True)
class Traced:
    """One element of a page that names its source."""

    source: str
    value: str | None
    text: str


class _Reader(HTMLParser):
    """Takes a page apart: what is traced, what is typed, and what else is said."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, str | None, str | None]] = []
        self.traced: list[Traced] = []
        self.other: list[str] = []
        self.within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("meta", "link", "img", "br"):
            return
        given = dict(attrs)
        self.open.append((tag, given.get("data-source"), given.get("value")))
        self.within.append("")

    def handle_endtag(self, tag: str) -> None:
        name, source, value = self.open.pop()
        text = self.within.pop()
        assert name == tag
        if self.within:
            self.within[-1] += text
        if source is not None:
            self.traced.append(Traced(source, value, text))

    def handle_data(self, data: str) -> None:
        if self.within:
            self.within[-1] += data
        names = {name for name, _, _ in self.open}
        if not any(source for _, source, _ in self.open) and not names & {"code", "pre", "style", "title"}:
            self.other.append(data)


def pages(handover: Handover, kind: str) -> dict[str, str]:
    """The documents of a kind by path; made once for a handover."""
    kept, made = _MADE.get((id(handover), kind), (None, {}))
    if kept is not handover:
        made = fresh(handover, kind)
        _MADE[id(handover), kind] = (handover, made)
    return made


def fresh(handover: Handover, kind: str) -> dict[str, str]:
    """The documents of a kind by path, made anew."""
    items = ALL[kind].make(handover)
    return {item.path: item.content.decode() for item in items if isinstance(item.content, bytes)}


def read(handover: Handover, kind: str, language: str = "en") -> _Reader:
    """A page, taken apart."""
    reader = _Reader()
    reader.feed(pages(handover, kind)[f"docs/{language}/{kind}.html"])
    return reader


def with_tables(result: CheckResult) -> CheckResult:
    """The result with the tables that the documents take up."""
    if result.name not in TABLES:
        return result
    first, *rest = result.findings
    evidence = (*first.evidence, *TABLES[result.name])
    return dataclasses.replace(result, findings=(dataclasses.replace(first, evidence=evidence), *rest))


@pytest.fixture(scope="module")
def handover(tmp_path_factory: pytest.TempPathFactory) -> Handover:
    """A new release of the network, with everything said; the one before is there."""
    folder = tmp_path_factory.mktemp("documents")
    config = folder / "train.yaml"
    config.write_text(yaml.safe_dump(SETTINGS), "utf-8")
    before = network_bundle(folder, "network-0.9.0", version="0.9.0", seed=8)
    made = network_handover(
        folder / "new", extra=SAID, config=config, hyperparameters=SETTINGS, previous=before
    )
    # Every verdict and kind of evidence, and figures under the names that the checks give them.
    results = tuple(with_tables(each) for each in sample_report().results)
    report = dataclasses.replace(made.report, results=results, figures=FIGURES)
    return dataclasses.replace(made, report=report)


@pytest.fixture(scope="module")
def bundle(handover: Handover, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of that."""
    from seatrial.deliverables import write_bundle

    return write_bundle(handover, tmp_path_factory.mktemp("bundle") / "network-1.0.0")


def tree(folder: Path, file: str) -> Any:
    """A file of a bundle as plain values."""
    path = folder / file
    if path.suffix in (".yaml", ".yml"):
        return yaml.safe_load(path.read_text("utf-8"))
    return path.read_text("utf-8").splitlines() if path.suffix == ".txt" else json.loads(path.read_bytes())


# -- what there is -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ALL)
def test_each_document_is_there_in_both_languages_and_forms(kind: str, handover: Handover) -> None:
    made = pages(handover, kind)
    assert set(made) == {
        f"docs/{language}/{kind}.{form}" for language in ("en", "zh") for form in ("md", "html")
    }
    assert len(set(made.values())) == 4
    assert made == fresh(handover, kind), "the same handover gives the same bytes"


@pytest.mark.parametrize("kind", ALL)
def test_both_languages_say_the_same(kind: str, handover: Handover) -> None:
    en, zh = (
        [re.sub("/(en|zh)$", "", each.source) for each in read(handover, kind, language).traced]
        for language in ("en", "zh")
    )
    assert sorted(en) == sorted(zh)


@pytest.mark.parametrize("kind", ALL)
def test_pages_need_nothing_from_elsewhere(kind: str, handover: Handover) -> None:
    for text in pages(handover, kind).values():
        assert not re.search(r"<(script|link|img|iframe|object)\b|url\(|@import", text)
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)


def test_links_lead_to_files_of_the_bundle(bundle: Bundle) -> None:
    for page in bundle.folder.glob("docs/*/*.*"):
        text = page.read_text("utf-8")
        for target in re.findall(r'href="([^"#]+)"|\]\(([^)#]+)\)', text):
            assert (page.parent / "".join(target)).is_file(), f"{page}: {target}"


# -- numbers -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ALL)
def test_no_number_is_without_a_source(kind: str, language: str, handover: Handover) -> None:
    reader = read(handover, kind, language)
    loose = [each.strip() for each in reader.other if re.search(r"\d", TERMS.sub("", each))]
    assert not loose
    assert len(reader.traced) > 10


@pytest.mark.parametrize("kind", ALL)
def test_every_source_is_in_the_bundle_and_holds_that_value(
    kind: str, handover: Handover, bundle: Bundle
) -> None:
    looked = 0
    for each in read(handover, kind).traced:
        file, pointer = each.source.split("#", 1)
        if file.startswith(("seatrial:", "previous:")) or file.endswith((".npz", ".onnx", ".pdmodel")):
            continue
        if file.startswith("models/"):
            continue
        found = resolve(tree(bundle.folder, file), pointer)
        looked += 1
        if each.value is not None:
            assert json.loads(each.value) == found, each
        elif isinstance(found, str) and "/figures/" not in each.source:
            assert (
                each.text == shown(found)
                or "\n" in found
                or each.text.replace(".", "/") in pointer
                or found.isupper()
            ), each
    assert looked > 10


def test_figures_of_the_previous_release_are_its_own(handover: Handover) -> None:
    assert handover.previous is not None
    for each in read(handover, "versions").traced:
        if not each.source.startswith("previous:"):
            continue
        file, pointer = each.source.removeprefix("previous:network@0.9.0/").split("#", 1)
        found = resolve(tree(handover.previous.folder, file), pointer)
        if each.value is not None:
            assert json.loads(each.value) == found


def changed(value: Any, key: str = "") -> Any:
    """Plain values in which every number and every sentence is another; their form stays."""
    if isinstance(value, dict):
        if set(value) == {"en", "zh"}:
            return {language: f"{text} (7919)" for language, text in value.items()}
        return {name: changed(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [changed(each, key) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or key == "order":
        return value
    return value * 3 + 7


@pytest.mark.parametrize("kind", ["technical", "troubleshooting", "versions", "model-card"])
def test_a_changed_report_changes_every_figure(kind: str, handover: Handover) -> None:
    report = from_json(json.dumps(changed(json.loads(render(handover.report, "json")))))
    before = read(handover, kind).traced
    after = read(dataclasses.replace(handover, report=report), kind).traced
    assert [each.source for each in before] == [each.source for each in after]
    looked = 0
    for was, now in zip(before, after, strict=True):
        sentence = was.source.endswith(("/en", "/zh"))
        if was.source.startswith(REPORT) and (was.value is not None or sentence):
            assert was.text != now.text, was.source
            looked += 1
    assert looked > 10


def test_one_changed_figure_changes_only_its_own_place(handover: Handover) -> None:
    plain = render(handover.report, "json")
    before = read(handover, "technical").traced
    sources = [each.source for each in before if each.value and each.source.startswith(REPORT)]
    for source in sources[:: max(1, len(sources) // 3)]:
        copy = json.loads(plain)
        *way, last = source.split("#/", 1)[1].split("/")
        place = resolve(copy, "/".join(["", *way]))
        key = int(last) if isinstance(place, list) else last
        place[key] = place[key] * 3 + 7
        after = read(dataclasses.replace(handover, report=from_json(json.dumps(copy))), "technical").traced
        differ = {was.source for was, now in zip(before, after, strict=True) if was != now}
        assert differ == {source}


# -- what is said ------------------------------------------------------------------------------------------
def test_the_card_says_what_was_said_and_nothing_else(handover: Handover, tmp_path: Path) -> None:
    card = pages(handover, "model-card")["docs/en/model-card.md"]
    assert "Sorting 3 kinds of arrows" in card
    ethics = card.split("## Ethical considerations", 1)[1].split("##", 1)[0]
    assert ethics.strip() == "Not stated by the maker."
    silent = pages(network_handover(tmp_path), "model-card")["docs/zh/model-card.md"]
    assert silent.count("制作方未说明。") >= 7


def test_known_limits_are_told_with_their_cause(handover: Handover) -> None:
    text = pages(handover, "technical")["docs/en/technical.md"]
    limits = text.split("## Known limits", 1)[1]
    unlike = [
        each for result in handover.report.results for each in result.findings if each.verdict.value != "PASS"
    ]
    assert unlike
    for each in unlike:
        assert each.summary.en[:20] in limits.replace("\\", "")


def test_a_check_that_was_not_run_is_no_pass(handover: Handover) -> None:
    kept = tuple(each for each in handover.report.results if each.name != "robustness")
    report = dataclasses.replace(handover.report, results=kept)
    text = pages(dataclasses.replace(handover, report=report), "technical")["docs/en/technical.md"]
    section = text.split("## Robustness", 1)[1].split("##", 1)[0]
    assert section.strip() == "> This was not checked: the report has no answer to it."


def test_handed_over_despite_the_gate_is_told(handover: Handover) -> None:
    extra = {**handover.extra, "despite": "a demonstration"}
    text = pages(dataclasses.replace(handover, extra=extra), "technical")["docs/en/technical.md"]
    assert "although the gate does not say yes" in text
    assert "a demonstration" in text


def test_troubleshooting_has_the_errors_of_this_model(handover: Handover) -> None:
    text = pages(handover, "troubleshooting")["docs/en/troubleshooting.html"]
    assert "and the model takes [&#39;batch&#39;, 1, 8, 8]: 3 axes instead of 4" in text


def test_versions_tell_what_it_means_to_a_client(handover: Handover, tmp_path: Path) -> None:
    assert "Answers may change" in pages(handover, "versions")["docs/en/versions.md"]
    same = network_bundle(tmp_path, version="0.9.0")
    again = dataclasses.replace(handover, previous=same)
    assert "Nothing to do" in pages(again, "versions")["docs/en/versions.md"]
    first = dataclasses.replace(handover, previous=None)
    assert "first release" in pages(first, "versions")["docs/en/versions.md"]
    spec = dataclasses.replace(handover.contract.inputs[0], name="picture")
    other = dataclasses.replace(handover.contract, inputs=(spec,))
    renamed = pages(dataclasses.replace(again, contract=other), "versions")["docs/en/versions.md"]
    assert "Client code has to be looked at" in renamed
    assert "picture" in renamed


def test_constants_are_told_exactly(handover: Handover) -> None:
    normalize = StepCall(
        "normalize", {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "scale": 1 / 255}
    )
    contract = dataclasses.replace(handover.contract, preprocess=Pipeline((normalize,)))
    text = pages(dataclasses.replace(handover, contract=contract), "technical")["docs/en/technical.md"]
    assert "0.00392156862745098" in text
    assert "0.485, 0.456, 0.406" in text
    assert "`order` = HWC" in text, "what the contract leaves to its default"


# -- what may come in --------------------------------------------------------------------------------------
HOSTILE = (
    "a|b",
    "<script>alert(1)</script>",
    "**bold** _x_ `code`",
    "[link](http://x)",
    "line\nbreak",
    "\u202eevil",
)


def test_hostile_labels_cannot_act(handover: Handover) -> None:
    extra = {"intended_use": HOSTILE[1] + HOSTILE[0], "license": "# no\n| heading |"}
    contract = dataclasses.replace(handover.contract, labels=HOSTILE[:4])
    given = dataclasses.replace(handover, contract=contract, extra=extra, previous=None)
    for kind in ALL:
        for path, text in pages(given, kind).items():
            assert "<script>" not in text.replace("\\<script\\>", ""), path
            assert "\u202e" not in text
            if path.endswith(".md"):
                assert "[link]" not in text
                assert "**bold**" not in text
    card = pages(given, "model-card")["docs/en/model-card.md"]
    for row in re.findall(r"^\| license .*$", card, re.MULTILINE):
        assert len(re.findall(r"(?<!\\)\|", row)) == 3
    assert "a\\|b" in card


def test_many_labels_are_told_by_their_first(handover: Handover) -> None:
    contract = dataclasses.replace(handover.contract, labels=tuple(f"class {each}" for each in range(50_000)))
    text = pages(dataclasses.replace(handover, contract=contract, previous=None), "technical")
    assert "class 23" in text["docs/en/technical.md"]
    assert all("class 24" not in each and len(each) < 200_000 for each in text.values())


# -- what is true elsewhere --------------------------------------------------------------------------------
def test_codes_are_those_of_the_programs() -> None:
    codes = {code for _, code in cli.EXIT_CODES} | {0, cli.GATE_SAID_NO}
    assert set(EXIT) == codes
    assert set(STATUS) == set(status.PHRASES) - {status.OK}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_commands_and_options_exist(language: str, handover: Handover) -> None:
    text = "\n".join(pages(handover, kind)[f"docs/{language}/{kind}.md"] for kind in ALL)
    used = re.findall(r"seatrial ([a-z-]+)((?: [^\s`]+)*)", text)
    assert {"verify", "selfcheck", "serve", "diagnose", "image", "bundle"} <= {name for name, _ in used}
    for name, rest in used:
        assert name in cli.COMMANDS, name
        command = cli.seatrial.get_command(None, name)  # type: ignore[arg-type]
        groups = [command, *getattr(command, "commands", {}).values()]
        known = {option for each in groups for one in each.params for option in one.opts}
        assert set(re.findall(r"(?<=\s)--[a-z-]+", rest)) <= known, f"{name}{rest}"


def test_every_step_has_words() -> None:
    assert set(_STEP_WORDS) == set(find("seatrial.contract.steps", "STEP"))


def test_the_network_has_its_answer_in_the_guide(handover: Handover) -> None:
    text = pages(handover, "guide")["docs/en/guide.md"]
    assert json.dumps(handover.vectors[0].answer["class"]) in text
    assert f"/v1/models/{handover.name}/predict" in text
    assert networks.contract().inputs[0].name in text


@pytest.mark.parametrize("file", sorted(CONTRACTS), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_contracts_of_every_task_have_documents(file: Path, handover: Handover) -> None:
    given = dataclasses.replace(handover, contract=load_contract(file), previous=None)
    for kind in ALL:
        reader = read(given, kind, "zh")
        assert not [each for each in reader.other if re.search(r"\d", TERMS.sub("", each))]
    steps = pages(given, "technical")["docs/en/technical.md"]
    for call in (*given.contract.preprocess.calls, *given.contract.postprocess.calls):
        assert f"`{call.name}`: " in steps


def test_a_huge_input_is_not_made_to_be_refused(handover: Handover) -> None:
    spec = dataclasses.replace(handover.contract.inputs[0], shape=("batch", 3, 40_000, 40_000))
    contract = dataclasses.replace(handover.contract, inputs=(spec,))
    text = pages(dataclasses.replace(handover, contract=contract, previous=None), "troubleshooting")
    assert "40000" in text["docs/en/troubleshooting.md"].replace(",", "")
