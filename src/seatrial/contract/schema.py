"""The JSON Schema of the contract file, for editors and for readers in other languages."""

from __future__ import annotations

from typing import Any

from seatrial import extensions
from seatrial.contract.document import ContractDocument

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def contract_schema() -> dict[str, Any]:
    """The schema of a contract file, with every step that lies in `contract/steps/` and its options."""
    schema = ContractDocument.model_json_schema(by_alias=True)
    schema["title"] = "Seatrial contract"
    for stage in ("preprocess", "postprocess"):
        schema["properties"][stage]["items"] = {"oneOf": _steps(stage)}
    _untitled(schema)
    return {"$schema": DIALECT, **schema}


def _steps(stage: str) -> list[dict[str, Any]]:
    """One alternative a step; a step whose options all have defaults may stand without any."""
    found = []
    for name, step in extensions.find("seatrial.contract.steps", "STEP").items():
        if step.stage not in (stage, "both"):
            continue
        options = step.option_schema()
        optional = not options.get("required")
        found.append(
            {
                "type": "object",
                "description": step.summary,
                "required": [name],
                "additionalProperties": False,
                "properties": {name: {"anyOf": [options, {"type": "null"}]} if optional else options},
            }
        )
    return found


def _untitled(node: Any) -> None:
    """Takes out the titles that pydantic derives from field names: they repeat the names."""
    if isinstance(node, dict):
        for key, inner in node.items():
            if key in ("properties", "$defs"):
                for each in inner.values():
                    each.pop("title", None)
            _untitled(inner)
    elif isinstance(node, list):
        for each in node:
            if isinstance(each, dict):
                each.pop("title", None)
            _untitled(each)
