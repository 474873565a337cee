"""The contract as a YAML file: read with errors that name the line, written for people to read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from seatrial.contract._deployment_document import DeploymentDocument, deployment_of, told
from seatrial.contract.contract import TASKS, VERSION, Contract
from seatrial.contract.labels import as_lines, check_names, fingerprint, inside, read_names
from seatrial.contract.pipeline import Pipeline, StepCall
from seatrial.contract.tensor import DTYPES, TensorSpec
from seatrial.contract.writing import written_beside
from seatrial.contract.yaml_source import Source, parse, read_text
from seatrial.errors import ContractViolation, SeatrialError, UsageError

_Number = StrictInt | StrictFloat


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", title=None)


class TensorDocument(_Strict):
    """One input or output."""

    name: StrictStr = Field(description="As the graph has it.")
    dtype: Literal[DTYPES] = Field(description="NumPy's spelling; `string` for text.")  # type: ignore[valid-type]
    shape: list[StrictInt | StrictStr | None] = Field(
        description="A number, a name (free, equal wherever it recurs) or null (free)."
    )
    layout: StrictStr = Field(default="", description="Axis letters such as NCHW; N is the batch.")
    low: _Number | None = Field(default=None, description="Smallest value allowed.")
    high: _Number | None = Field(default=None, description="Largest value allowed, inclusive.")


class NamesFile(_Strict):
    """A list of names kept in a file beside the contract."""

    file: StrictStr = Field(description="Relative to the contract; one name a line, or JSON.")
    sha256: StrictStr = Field(pattern=r"^sha256:[0-9a-f]{64}$", description="Of the names, one a line.")


class ContractDocument(_Strict):
    """A Seatrial contract: what goes in, what comes out, and how it is judged."""

    version: Literal[VERSION] = Field(alias="schema")  # type: ignore[valid-type]
    name: StrictStr = Field(min_length=1)
    task: Literal[TASKS]  # type: ignore[valid-type]
    inputs: list[TensorDocument] = Field(min_length=1)
    outputs: list[TensorDocument] = Field(min_length=1)
    preprocess: list[dict[str, dict[str, Any] | None]] = Field(
        default=[], description="Steps: a sample -> a feed."
    )
    postprocess: list[dict[str, dict[str, Any] | None]] = Field(
        default=[], description="Steps: outputs -> an answer."
    )
    labels: list[StrictStr] | NamesFile = Field(
        default=[], description="Names by class index, or a dictionary."
    )
    vocabulary: list[StrictStr] | NamesFile = Field(default=[], description="Tokens by id.")
    fingerprints: dict[Literal["labels", "vocabulary", "weights", "graph", "model"], StrictStr] = Field(
        default={}, description="Digests that were vouched for: of lists (names, one a line) and of files."
    )
    output_schema: dict[str, Any] = Field(
        default={}, description="JSON Schema of an answer; else the task's own."
    )
    limits: dict[str, StrictStr | _Number | StrictBool] = Field(
        default={}, description="Bounds of the checks."
    )
    deployment: DeploymentDocument | None = Field(default=None, description="How it is best run.")
    source: StrictStr = Field(default="", description="Where it was read from.")


def load_contract(path: Path, *, root: Path | None = None) -> Contract:
    """Reads a contract file and everything it refers to, and checks all of it.

    Args:
        path: The YAML file.
        root: Folder that the file names in it start from; the file's own folder by default.

    Raises:
        NotFound: There is no such file.
        ContractViolation: The file is wrong; the message names the line and the field.
    """
    store = path.resolve().parent
    return parse_contract(read_text(path), root=root or path.parent, name=path.name, store=store)


def parse_contract(text: str, *, root: Path, name: str = "contract", store: Path | None = None) -> Contract:
    """A contract from its YAML text; as `load_contract`. For `store` see `labels.inside`."""
    source = parse(text, name)
    document = _validated(source, root)
    fingerprints = {str(key): value for key, value in document.fingerprints.items()}
    files: dict[str, str] = {}
    lists = {}
    for what in ("labels", "vocabulary"):
        given = getattr(document, what)
        if isinstance(given, NamesFile):
            files[what] = given.file
        try:
            lists[what] = _checked_names(given, what, partial(inside, root, store=store), fingerprints)
        except ContractViolation as error:
            raise ContractViolation(f"{source.place([what])}: {error.message}", hint=error.hint) from error
    return Contract(
        name=document.name,
        task=document.task,
        inputs=tuple(_spec(each) for each in document.inputs),
        outputs=tuple(_spec(each) for each in document.outputs),
        preprocess=_pipeline(source, document, "preprocess"),
        postprocess=_pipeline(source, document, "postprocess"),
        fingerprints=fingerprints,
        output_schema=_schema(source, document),
        limits=document.limits,
        deployment=deployment_of(document.deployment),
        source=document.source,
        root=root,
        files=files,
        labels=lists["labels"],
        vocabulary=lists["vocabulary"],
    )


def _validated(source: Source, root: Path) -> ContractDocument:
    if not isinstance(source.data, dict):
        raise ContractViolation(
            f"{source.name} is no contract: it must hold fields such as name, task and inputs"
        )
    if source.data.get("schema") != VERSION:
        raise ContractViolation(
            f"{source.place(['schema'])}: it is {source.data.get('schema')!r}, and {VERSION} is read here",
            hint=f"begin the file with: schema: {VERSION}",
        )
    try:
        return ContractDocument.model_validate(source.data)
    except ValidationError as error:
        # A misspelt field is unknown and its right name is missing: the unknown one says what to mend. Of the
        # errors about one field the deepest says most: a union reports one for each member.
        every = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        first = max(
            (each for each in every if each["loc"][:1] == every[0]["loc"][:1]), key=lambda e: len(e["loc"])
        )
        if first["type"] == "extra_forbidden":
            raise _unknown(source, first["loc"]) from error
        # pydantic puts the name of a union's member into the path; the file has no such field.
        path = [part for part in first["loc"] if not (isinstance(part, str) and _UNION_MEMBER.search(part))]
        hint = _sha256_line(source, path, root) if path[-1:] == ["sha256"] else _hint(first)
        raise ContractViolation(f"{source.place(path)}: {_said(first)}", hint=hint) from error


_UNION_MEMBER = re.compile(r"[\[\]]|^(NamesFile|DeploymentDocument|int|float|str|bool|none)$")


def _said(error: Any) -> str:
    if error["type"] == "missing":
        return "this field is missing"
    message: str = error["msg"]
    given = error.get("input")
    return f"{message[:1].lower()}{message[1:]}" + (
        "" if isinstance(given, dict | list) else f", not {given!r}"
    )


def _sha256_line(source: Source, path: Sequence[Any], root: Path) -> str:
    """The line to write: nobody works out by hand what the program can read; vouching for it stays theirs."""
    try:
        file = str(source.data[path[0]]["file"])
        names = read_names(inside(root, file))
    except (ContractViolation, KeyError, TypeError):
        return "write sha256:<64 hex digits>, of the names, one a line"
    return f"if '{file}' ({len(names)} names) is the model's own list, write sha256: '{fingerprint(names)}'"


def _hint(error: Any) -> str:
    given, expected = error.get("input"), error.get("ctx", {}).get("expected", "")
    if isinstance(given, str) and "'" in str(expected):
        near = get_close_matches(given, str(expected).replace("'", "").replace(" or ", ", ").split(", "), n=2)
        return "did you mean: " + " or ".join(near) if near else ""
    return (
        "put quotes around it"
        if error["type"] == "string_type" and not isinstance(given, dict | list)
        else ""
    )


def _unknown(source: Source, path: Sequence[Any]) -> ContractViolation:
    model: type[BaseModel] = {1: ContractDocument}.get(len(path), TensorDocument)
    if path[0] == "deployment" and len(path) > 1:
        model = DeploymentDocument
    if path[0] in ("labels", "vocabulary"):
        model, path = NamesFile, [path[0], path[-1]]
    known = [field.alias or name for name, field in model.model_fields.items()]
    near = get_close_matches(str(path[-1]), known, n=2)
    return ContractViolation(
        f"{source.place(path)}: there is no field '{path[-1]}'",
        hint="did you mean: " + " or ".join(near) if near else "there are: " + ", ".join(known),
    )


def _checked_names(
    given: list[str] | NamesFile, what: str, place: Callable[[str], Path], fingerprints: dict[str, str]
) -> tuple[str, ...]:
    """The list, read from its file if need be; notes the file's digest among `fingerprints`."""
    names: Sequence[str]
    if isinstance(given, NamesFile):
        if fingerprints.setdefault(what, given.sha256) != given.sha256:
            raise ContractViolation(
                f"its sha256 differs from the one in 'fingerprints': {fingerprints[what]}"
            )
        names = read_names(place(given.file))
    else:
        names = given
    check_names(names, what, expected=fingerprints.get(what, ""))
    return tuple(names)


def _spec(document: TensorDocument) -> TensorSpec:
    return TensorSpec(**{**document.model_dump(), "shape": tuple(document.shape)})


def _pipeline(source: Source, document: ContractDocument, stage: str) -> Pipeline:
    calls = []
    for place, entry in enumerate(getattr(document, stage)):
        if len(entry) != 1:
            raise ContractViolation(
                f"{source.place([stage, place])}: one step a line, such as `- cast: {{dtype: float32}}`"
            )
        ((name, options),) = entry.items()
        call = StepCall(name, options or {})
        try:
            call.check(stage)
        except SeatrialError as error:
            raise ContractViolation(
                f"{source.place([stage, place])}: {error.message}", hint=error.hint
            ) from error
        calls.append(call)
    return Pipeline(tuple(calls))


def _schema(source: Source, document: ContractDocument) -> Mapping[str, Any]:
    try:
        Draft202012Validator.check_schema(document.output_schema)
    except SchemaError as error:
        raise ContractViolation(
            f"{source.place(['output_schema'])}: no JSON Schema: {error.message}"
        ) from error
    return document.output_schema


def fingerprinted(contract: Contract) -> Contract:
    """The contract with the fingerprints of its labels and vocabulary as they are; those of files stay."""
    lists = {"labels": contract.labels, "vocabulary": contract.vocabulary}
    files = {what: value for what, value in contract.fingerprints.items() if what not in lists}
    return replace(
        contract,
        fingerprints={**files, **{what: fingerprint(names) for what, names in lists.items() if names}},
    )


def dump_contract(contract: Contract) -> str:
    """The contract as YAML with short comments; `load_contract` gives an equal one back."""
    parts = [
        "# What goes into this model, what comes out, how it is judged. Checks, server and SDKs read it.",
        _line("schema", VERSION) + "\n" + _line("name", contract.name) + "\n" + _line("task", contract.task),
        "# In the graph's order. A dimension is a number, a name (free) or null (free).\n"
        + _list("inputs", [_tensor(each) for each in contract.inputs]),
        "# Bound by their order: names change from format to format.\n"
        + _list("outputs", [_tensor(each) for each in contract.outputs]),
        "# A sample, step by step, into what the model takes.\n"
        + _list("preprocess", [each.to_data() for each in contract.preprocess.calls]),
        "# The model's numbers for one sample, step by step, into the answer.\n"
        + _list("postprocess", [each.to_data() for each in contract.postprocess.calls]),
    ]
    for what, comment in (("labels", "Names by class index."), ("vocabulary", "Tokens by id.")):
        if getattr(contract, what) or what in contract.files:
            parts.append(f"# {comment}\n" + _names(contract, what))
    inline = {what: value for what, value in contract.fingerprints.items() if what not in contract.files}
    for title, data, comment in (
        ("fingerprints", inline, "sha256 of each list, one name a line: a list that was changed is refused."),
        ("output_schema", contract.output_schema, "JSON Schema that every answer obeys."),
        ("limits", contract.limits, "Bounds that hold for this model whatever the profile says."),
        ("deployment", told(contract.deployment), "How it is best run: seatrial tune measured it."),
    ):
        if data:
            parts.append(f"# {comment}\n" + _block({title: _plain(data)}))
    if contract.source:
        parts.append(_line("source", contract.source))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def save_contract(contract: Contract, path: Path) -> None:
    """Writes the contract with fresh fingerprints, and the files of its lists when they are not there.

    Raises:
        ContractViolation: A list's file is there already with other names in it.
        UsageError: It cannot be written.
    """
    for what, name in contract.files.items():
        beside = inside(path.parent, name)
        if not beside.exists():
            _write(beside, as_lines(getattr(contract, what)))
        elif read_names(beside) != getattr(contract, what):
            raise ContractViolation(
                f"'{name}' is there already and holds other {what}", hint="move it away first"
            )
    _write(path, dump_contract(fingerprinted(contract)).encode())


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing: written aside, then moved into place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_beside(path, data) as ready:
            ready.replace(path)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror}") from error


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    data = asdict(spec)
    data["shape"] = list(spec.shape)
    return {key: value for key, value in data.items() if value not in ("", None)}


def _names(contract: Contract, what: str) -> str:
    names = getattr(contract, what)
    if what in contract.files:
        sha256 = contract.fingerprints.get(what) or fingerprint(names)
        return _line(what, {"file": contract.files[what], "sha256": sha256})
    return _line(what, list(names)) if len(names) <= 20 else _block({what: list(names)})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


class _Dumper(yaml.SafeDumper):
    """Writes every value out: no anchors, since a contract allows none."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _flow(value: Any) -> str:
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, width=2**31, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _block(value: Any) -> str:
    return yaml.dump(
        value, Dumper=_Dumper, default_flow_style=False, width=100, sort_keys=False, allow_unicode=True
    )


def _line(key: str, value: Any) -> str:
    return f"{key}: {_flow(value)}"


def _list(key: str, items: Sequence[Any]) -> str:
    lines = []
    for item in items:
        if len(item) == 1 and isinstance(next(iter(item.values())), dict):
            ((name, options),) = item.items()
            lines.append(f"  - {_flow(name)}: {_flow(options)}")
        else:
            lines.append(f"  - {_flow(item)}")
    return f"{key}:\n" + "\n".join(lines) if lines else f"{key}: []"
