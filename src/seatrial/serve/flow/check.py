"""Whether the values of a pipeline fit the models and joints that take them, before any request is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from seatrial.contract import Contract
from seatrial.errors import NotFound, UsageError
from seatrial.serve.flow.declaration import REQUEST, Flow, Reference, Stage
from seatrial.serve.joints._kind import Kind

_HINT = "see docs/how-to/serve-pipelines.md for an example"


def check_flow(flow: Flow, contract_of: Callable[[str, str], Contract]) -> Mapping[str, Kind]:
    """Follows the kinds from the request to the answer; returns that of each field of the answer.

    Args:
        flow: As declared.
        contract_of: A model's contract by its name and version; raises `NotFound`.

    Raises:
        UsageError: A model is not there, or something else is taken than is given; names stage and key.
    """
    kinds = {REQUEST: Kind("payload" if flow.takes == "file" else "text")}
    for stage in flow.stages.values():
        if stage.joint is None:
            kinds[stage.name] = _of_model(flow, stage, kinds, contract_of)
        else:
            kinds[stage.name] = _of_joint(flow, stage, kinds)
    return {key: _found(flow, at, kinds, ["answer", key]) for key, at in flow.answer.items()}


def _of_model(
    flow: Flow, stage: Stage, kinds: Mapping[str, Kind], contract_of: Callable[[str, str], Contract]
) -> Kind:
    try:
        contract = contract_of(stage.model, stage.version)
    except NotFound as error:
        raise flow.wrong(stage.name, "model", error.message, hint=error.hint) from error
    ((key, reference),) = stage.takes.items()
    given = _found(flow, reference, kinds, ["stages", stage.name, key])
    if stage.many:
        if not given.depth and given.base != "any":
            hint = (
                "say take: where there is one"
                if given.base != "object"
                else "name the field that is the list"
            )
            raise flow.wrong(
                stage.name, key, f"'{reference}' is a {given}, and each asks for a list", hint=hint
            )
        given = given.each()
    _check_asked(flow, stage, given, contract)
    gives = Kind.of_schema(contract.answer_schema)
    return gives.listed() if stage.many else gives


def _check_asked(flow: Flow, stage: Stage, given: Kind, contract: Contract) -> None:
    """Models that begin with a picture take one; others take what the client sent, texts or numbers."""
    key, reference = next(iter(stage.takes.items()))
    first = contract.preprocess.calls[0] if contract.preprocess.calls else None
    sees = first is not None and first.name == "decode_image"
    fits = given.base in (
        ("payload", "picture", "any") if sees else ("payload", "text", "number", "object", "any")
    )
    if not fits or (given.depth and sees):
        takes = "a picture" if sees else "no pictures: its contract does not begin with decode_image"
        message = f"'{reference}' is a {given}, and the model '{stage.model}' takes {takes}"
        raise flow.wrong(stage.name, key, message, hint=_HINT)
    wanted = str(first.options.get("color", "RGB")) if first is not None and sees else ""
    if given.base == "picture" and given.color and wanted and given.color != wanted:
        message = f"'{reference}' is a {given.color} picture, and the model '{stage.model}' takes {wanted}"
        raise flow.wrong(stage.name, key, message, hint="decode it in the model's order of colors")


def _of_joint(flow: Flow, stage: Stage, kinds: Mapping[str, Kind]) -> Kind:
    joint = stage.joint
    assert joint is not None  # noqa: S101 - the caller has looked
    taken = {}
    for key, reference in stage.takes.items():
        given = _found(flow, reference, kinds, ["stages", stage.name, "take", key])
        wanted = joint.wanted(key)
        if wanted is None or not given.fits(wanted):
            message = f"'{reference}' is a {given}, and the joint '{joint.name}' takes a {wanted}"
            raise flow.wrong(stage.name, f"take.{key}", message, hint=_HINT)
        taken[key] = given
    return joint.result(taken, stage.options)


def _found(flow: Flow, reference: Reference, kinds: Mapping[str, Kind], path: list[str]) -> Kind:
    kind = kinds[reference.stage]
    for place, name in enumerate(reference.path):
        inner = kind.field(name)
        if inner is None:
            so_far = str(replace(reference, path=reference.path[:place]))
            has = ", ".join(kind.fields) or f"none: it is a {kind}"
            message = f"{flow.source.place(path)}: '{so_far}' has no field '{name}'"
            raise UsageError(message, hint=f"its fields: {has}")
        kind = inner
    return kind
