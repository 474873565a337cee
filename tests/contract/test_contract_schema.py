"""The published schema of the contract file is the one the code means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from seatrial.contract.schema import contract_schema

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "reference" / "contract.schema.json"
EXAMPLES = sorted((ROOT / "examples").rglob("*contract.yaml"))


def test_the_published_schema_is_in_step(update_golden: bool) -> None:
    text = json.dumps(contract_schema(), indent=2, ensure_ascii=False) + "\n"
    if update_golden:
        PUBLISHED.write_text(text, "utf-8")
    assert PUBLISHED.read_text("utf-8") == text, (
        "run: pytest --update-golden tests/contract/test_contract_schema.py"
    )


def schema() -> Any:
    Draft202012Validator.check_schema(contract_schema())
    return Draft202012Validator(contract_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_obey_it(path: Path) -> None:
    assert not [error.message for error in schema().iter_errors(yaml.safe_load(path.read_text("utf-8")))]


@pytest.mark.parametrize(
    "change",
    [
        {"task": "clasification"},
        {"lables": []},
        {"preprocess": [{"resize": {"width": 3}}]},
        {"preprocess": [{"topk": {"k": 1}}]},
        {"inputs": []},
        {"labels": {"file": "a.txt"}},
    ],
    ids=str,
)
def test_it_refuses_what_the_loader_refuses(change: dict[str, Any]) -> None:
    data = yaml.safe_load((ROOT / "examples" / "digits" / "contract.yaml").read_text("utf-8"))
    assert schema().is_valid(data)
    assert not schema().is_valid({**data, **change})
