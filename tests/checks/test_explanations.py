"""Every finding that a check can give is explained, in both languages, with its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import seatrial.checks
import seatrial.model
from seatrial.checks import all_checks, explanation, explanations
from seatrial.checks._security.threat_texts import GROUPS

CHECKS = Path(seatrial.checks.__file__).parent
MODEL = Path(seatrial.model.__file__).parent
NAMES = "|".join(sorted(path.stem for path in CHECKS.glob("[a-z]*.py")))
FINDING = re.compile(rf"^({NAMES})\.[a-z0-9]+(-[a-z0-9]+)*$")
BOUNDS = {  # bounds that read like findings
    "accuracy.failures", "accuracy.margin", "accuracy.minimum", "consistency.answers",
    "consistency.tolerance",
    "performance.decay", "performance.margin", "performance.rate", "robustness.agreement",
    "interface.changed", "interface.refused",
}  # fmt: skip
FILES = {"weights.pdparams"}
# What stands in the braces of ids that are put together.
MADE_UP = {
    "consistency.{name}": ["repeat", "batch-invariance", "permutation"],
    "consistency.{question.id}": ["repeat", "batch-invariance", "permutation"],
    "consistency.also-{name}": ["arm64-onnxruntime", "browser"],
    "consistency.{side.variant.id}": ["also-arm64-onnxruntime", "also-browser"],
    "consistency.{variant.id}": ["paddle", "paddle-no-onednn", "onnxruntime-threads-2", "openvino"],
    "deployment.{library}": ["glibc", "glibcxx"],
    "interface.{kind}": ["inputs", "outputs"],
    "interface.{what}-since-baseline": ["labels", "vocabulary"],
    "performance.{name}": ["leak", "leak-shapes"],
    "robustness.invariance-{relation.name}": ["jpeg", "padding", "whitespace", "small-noise"],
    "robustness.{level}": ["payloads", "tensors"],
    "security.{name}": ["membership", "trigger"],
}
CODES = {"structure.{each.code}": "structure", "weights.{each.code}": "weights"}


def trees(folder: Path) -> Iterator[ast.Module]:
    yield from (ast.parse(path.read_text("utf-8")) for path in sorted(folder.rglob("*.py")))


def written_ids() -> set[str]:
    """Ids that stand in the code of the checks as they are."""
    found = {
        node.value
        for tree in trees(CHECKS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and FINDING.match(node.value)
    }
    return found - BOUNDS - FILES


def templates() -> set[str]:
    """Ids that are put together, with the expressions in braces."""
    found = set()
    for tree in trees(CHECKS):
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = ast.unparse(node)[2:-1]
                if re.match(rf"^({NAMES})\.[a-z-]*\{{", text):
                    found.add(text)
    return found


def codes() -> set[str]:
    """Codes of the defects that readers see in files."""
    written = set()
    for tree in trees(MODEL / "formats"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                written.add(node.value)
    begin = ("graph", "parameter", "version", "external", "lod", "magic", "suffix", "operator", "not-static")
    shape = re.compile(r"^[a-z]+(-[a-z]+)+$")
    return {each for each in written if shape.match(each) and each.startswith(begin)}


@pytest.mark.parametrize("finding", sorted(written_ids()))
def test_every_written_finding_is_explained(finding: str) -> None:
    assert explanation(finding) is not None


def test_ids_that_are_put_together_are_known_and_explained() -> None:
    assert templates() == set(MADE_UP) | set(CODES)
    for template, parts in MADE_UP.items():
        for part in parts:
            assert explanation(re.sub(r"\{.*\}", part, template)) is not None, (template, part)


def test_every_defect_of_the_files_is_explained() -> None:
    assert len(codes()) > 15
    missing = {
        code
        for code in codes()
        if not explanation(f"structure.{code}") and not explanation(f"weights.{code}")
    }
    assert not missing


def test_every_group_of_threats_is_explained() -> None:
    assert all(explanation(group.id) for group in GROUPS)


def test_an_explanation_belongs_to_a_check_and_is_whole() -> None:
    names = {each.name for each in all_checks()}
    for name, each in explanations().items():
        assert each.check in names, name
        assert each.source, name
        for text in (each.what, each.why, each.cause, each.fix):
            assert text.en.endswith("."), (name, text.en)
            assert text.zh.endswith("。"), (name, text.zh)
            assert re.search("[\u4e00-\u9fff]", text.zh), name


def test_no_explanation_is_left_of_a_finding_that_is_gone() -> None:
    known = written_ids() | {re.sub(r"\{.*\}", part, t) for t, parts in MADE_UP.items() for part in parts}
    known |= {f"{room}.{code}" for room in CODES.values() for code in codes()}
    known |= {each.id for each in GROUPS}
    known |= {"accuracy.diagnosis", "consistency.diagnosis"}  # made in cli: checks do not know diagnosis
    gone = [name for name in explanations() if "*" not in name and name not in known]
    assert not gone


def test_its_own_words_come_before_those_of_a_pattern() -> None:
    assert explanation("consistency.openvino").name == "consistency.*"  # type: ignore[union-attr]
    assert explanation("consistency.repeat").name == "consistency.repeat"  # type: ignore[union-attr]
    assert explanation("robustness.invariance-jpeg").name == "robustness.invariance-*"  # type: ignore[union-attr]
    assert explanation("nothing.at-all") is None
