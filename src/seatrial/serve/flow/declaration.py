"""How models are joined to a pipeline, as data: stages by name, and what each takes from which.

Nothing says in which order: a stage runs as soon as what it takes is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal, Self

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from referencing import Registry

from seatrial import extensions
from seatrial.contract.yaml_source import Source, parse, read_text
from seatrial.errors import ContractViolation, UsageError
from seatrial.serve.joints._joint import Joint

VERSION = "seatrial/pipeline/1"
REQUEST = "request"  # what the client sent, where a stage's name may stand
MOST_ITEMS = 1000
_NAME = r"[a-z][a-z0-9_]{0,63}"
_REFERENCE = r"[a-z][a-z0-9_]{0,63}(\.[A-Za-z0-9_-]{1,64}){0,4}"
_HINT = "see docs/how-to/serve-pipelines.md for an example"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageDocument(_Strict):
    """One stage: a model or a joint, and what it takes."""

    model: str = Field(default="", description="Name of a model of this server.")
    version: str = Field(default="", description="Or an alias of one; empty: the one that serves.")
    joint: str = Field(default="", description="See: seatrial list joints.")
    take: str | dict[str, str] = Field(
        default="", description="`STAGE`, `STAGE.FIELD` or `request`; a joint's by name."
    )
    each: str = Field(default="", description="A list: the model is asked once for each item.")
    options: dict[str, Any] = Field(default_factory=dict, description="Of the joint.")
    on_error: Literal["fail", "drop"] = Field(
        default="fail", description="What becomes of an item that fails."
    )

    @model_validator(mode="after")
    def _of_one_sort(self) -> Self:
        if bool(self.model) == bool(self.joint):
            raise ValueError("say either model or joint")
        if self.joint and (not isinstance(self.take, dict) or self.each or self.version):
            raise ValueError(
                "a joint takes values by name (take: {NAME: STAGE}); each and version are a model's"
            )
        if self.model and (isinstance(self.take, dict) or bool(self.take) == bool(self.each)):
            raise ValueError("a model takes one value: say either take: STAGE or each: STAGE")
        if self.model and self.options:
            raise ValueError("a model has no options here; its contract says how it is asked")
        if self.on_error == "drop" and not self.each:
            raise ValueError("on_error: drop is for the items of each")
        return self


class FlowDocument(_Strict):
    """A pipeline of models."""

    schema_: Literal["seatrial/pipeline/1"] = Field(alias="schema")
    name: str = Field(default="", description="For people.")
    takes: Literal["file", "text"] = Field(default="file", description="What a client sends.")
    stages: dict[str, StageDocument] = Field(min_length=1, description="By name.")
    answer: str | dict[str, str] = Field(description="What the client gets: a reference, or several by name.")
    most_items: int = Field(default=MOST_ITEMS, ge=1, le=100_000, description="Of one list in one request.")
    most_requests: int = Field(default=64, ge=1, description="Under way at once; more are refused.")
    output_schema: dict[str, Any] = Field(default_factory=dict, description="JSON Schema of the answer.")


@dataclass(frozen=True)
class Reference:
    """Where a value comes from.

    Attributes:
        stage: Its name, or `request`.
        path: Fields inside its result; of a list, the field of each.
    """

    stage: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.stage, *self.path))


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: Of it and of its result.
        model: That is asked; empty: it is a joint.
        version: Of the model.
        joint: What is done otherwise.
        options: Of the joint, with the defaults.
        takes: By name; a model's only value has the name `take` or `each`.
        many: Whether the model is asked for each item of a list.
        drop: Whether an item that fails is left out.
    """

    name: str
    takes: Mapping[str, Reference]
    model: str = ""
    version: str = ""
    joint: Joint | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    many: bool = False
    drop: bool = False


@dataclass(frozen=True)
class Flow:
    """A pipeline as it was declared; the names in it fit together.

    Attributes:
        stages: By name, each behind those it takes from.
        answer: References by field; the one of the field `""` is the whole answer.
        takes: `file` or `text`.
        most_items: Of one list.
        most_requests: Under way at once.
        output_schema: JSON Schema that every answer obeys.
        source: For errors: where a key stands in the file.
        title: For people.
    """

    stages: Mapping[str, Stage]
    answer: Mapping[str, Reference]
    takes: Literal["file", "text"]
    most_items: int
    most_requests: int
    output_schema: Mapping[str, Any]
    source: Source = field(compare=False)
    title: str = ""

    @property
    def models(self) -> Sequence[tuple[str, str]]:
        """Names and versions of the models that are asked, each once."""
        return list(dict.fromkeys((each.model, each.version) for each in self.stages.values() if each.model))

    @cached_property
    def validator(self) -> Draft202012Validator:
        """Of answers."""
        # The empty registry: a file must not make the service fetch something from the network.
        return Draft202012Validator(self.output_schema, registry=Registry())

    def wrong(self, stage: str, key: str, message: str, *, hint: str = "") -> UsageError:
        """The error about one key of one stage."""
        place = self.source.place(["stages", stage, *key.split(".")])
        return UsageError(f"{place}: {message}", hint=hint)


def load_flow(path: Path) -> Flow:
    """Reads a pipeline's file and checks what can be checked without its models.

    Raises:
        UsageError: It cannot be read, or is wrong; the message names line, stage and key.
    """
    try:
        return parse_flow(read_text(path), path.name)
    except ContractViolation as error:
        raise UsageError(error.message, hint=error.hint or _HINT) from error


def parse_flow(text: str, name: str = "pipeline") -> Flow:
    """A pipeline from its YAML text; as `load_flow`."""
    source = parse(text, name)
    try:
        document = FlowDocument.model_validate(source.data)
    except ValidationError as error:
        first = max(error.errors(), key=lambda each: len(each["loc"]))
        path = [each for each in first["loc"] if each not in ("str", "dict[str,str]")]
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"there is no key '{path[-1]}'"
        raise UsageError(f"{source.place(path)}: {message}", hint=_HINT) from error
    try:
        Draft202012Validator.check_schema(document.output_schema)
    except SchemaError as error:
        raise UsageError(f"{source.place(['output_schema'])}: no JSON Schema: {error.message}") from error
    stages = {name: _stage(name, each, source) for name, each in document.stages.items()}
    given = document.answer if isinstance(document.answer, dict) else {"": document.answer}
    answer = {
        key: _reference(each, source, ["answer", *([key] if key else [])]) for key, each in given.items()
    }
    _check_names(stages, answer, source)
    return Flow(
        stages=_ordered(stages, source),
        answer=answer,
        takes=document.takes,
        most_items=document.most_items,
        most_requests=document.most_requests,
        output_schema=document.output_schema,
        source=source,
        title=document.name,
    )


def _stage(name: str, said: StageDocument, source: Source) -> Stage:
    where = ["stages", name]
    if name == REQUEST or not re.fullmatch(_NAME, name):
        message = f"'{name[:80]}' is no name for a stage: lower-case letters, digits, _; not '{REQUEST}'"
        raise UsageError(f"{source.place(where)}: {message}")
    if said.model:
        key = "each" if said.each else "take"
        taken = said.each or str(said.take)
        return Stage(
            name,
            {key: _reference(taken, source, [*where, key])},
            model=said.model,
            version=said.version,
            many=bool(said.each),
            drop=said.on_error == "drop",
        )
    joint = _joint(said.joint, source, [*where, "joint"])
    try:
        options = joint.filled(said.options)
    except ContractViolation as error:
        raise UsageError(f"{source.place([*where, 'options'])}: {error.message}", hint=error.hint) from error
    takes = dict(said.take) if isinstance(said.take, dict) else {}
    for key in takes:
        if joint.wanted(key) is None:
            message = f"joint '{joint.name}' takes no '{key}'"
            hint = "it takes: " + ", ".join(joint.takes)
            raise UsageError(f"{source.place([*where, 'take', key])}: {message}", hint=hint)
    missing = sorted(joint.required - set(takes)) or ([] if takes else ["anything"])
    if missing:
        message = f"joint '{joint.name}' is not given {missing[0]}"
        raise UsageError(f"{source.place([*where, 'take'])}: {message}", hint=_HINT)
    references = {key: _reference(each, source, [*where, "take", key]) for key, each in takes.items()}
    return Stage(name, references, joint=joint, options=options)


def _joint(name: str, source: Source, path: list[str]) -> Joint:
    there = extensions.find("seatrial.serve.joints", "JOINT")
    if name not in there:
        near = get_close_matches(name, there, n=3) or list(there)
        raise UsageError(
            f"{source.place(path)}: there is no joint '{name}'", hint="there are: " + ", ".join(near)
        )
    joint: Joint = there[name]
    return joint


def _reference(text: str, source: Source, path: list[str]) -> Reference:
    if not re.fullmatch(_REFERENCE, text):
        message = f"'{text[:80]}' is no reference: STAGE, STAGE.FIELD or {REQUEST}"
        raise UsageError(f"{source.place(path)}: {message}")
    stage, *fields = text.split(".")
    return Reference(stage, tuple(fields))


def _check_names(stages: Mapping[str, Stage], answer: Mapping[str, Reference], source: Source) -> None:
    """Every reference leads to a stage, and every stage to the answer."""
    used: set[str] = set()
    every = [
        *(
            (["stages", each.name, *_key(each, key)], at)
            for each in stages.values()
            for key, at in each.takes.items()
        ),
        *((["answer", *([key] if key else [])], at) for key, at in answer.items()),
    ]
    for path, reference in every:
        used.add(reference.stage)
        if reference.stage == REQUEST and not reference.path:
            continue
        if reference.stage not in stages:
            near = get_close_matches(reference.stage, stages, n=3) or list(stages)
            message = f"there is no stage '{reference.stage}'"
            raise UsageError(f"{source.place(path)}: {message}", hint="there are: " + ", ".join(near))
    for name in stages:
        if name not in used:
            message = f"nobody takes what the stage '{name}' gives"
            raise UsageError(f"{source.place(['stages', name])}: {message}", hint="take it, or leave it out")


def _key(stage: Stage, key: str) -> list[str]:
    return [key] if stage.model else ["take", key]


def _ordered(stages: Mapping[str, Stage], source: Source) -> Mapping[str, Stage]:
    needs = {
        name: [at.stage for at in each.takes.values() if at.stage != REQUEST] for name, each in stages.items()
    }
    try:
        return {name: stages[name] for name in TopologicalSorter(needs).static_order()}
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        message = "the stages wait for each other: " + " -> ".join(circle)
        raise UsageError(f"{source.place(['stages', circle[0]])}: {message}") from error
