"""[CLS], [SEP], token types or the mask are missing, or there where training had none."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import StepCall
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, exchanged, option
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "special-tokens"
_SURPLUS = Text(
    "[CLS] and [SEP] are put around texts; training had none.",
    "服务在文本前后加了 [CLS] 和 [SEP]，训练时没有。",
)
_MISSING = Text(
    "[CLS] and [SEP] are missing; training put them around texts.",
    "缺少 [CLS] 和 [SEP]：训练时文本前后都有。",
)


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """With the tokens or without; with what each input of the model should be given."""
    if setup.opaque:
        return []
    look = look_at(case, setup)
    return worth(look, [*_around(look), *_inputs(look)])


def _around(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", "tokenize_bert"):
        yield Suspect(_NAME, look.setup, place).toggled("special", _SURPLUS, _MISSING, (0.7, 3.0))


def _inputs(look: Look) -> Iterator[Intervention]:
    """Inputs exchanged, or one that nothing feeds."""
    wanted = [spec.name for spec in look.setup.contract.inputs]
    for place in look.setup.places("preprocess", "tokenize_bert"):
        roles = {role: option(look.setup, place, role) for role in ("ids", "types", "mask")}
        fed = [name for name in roles.values() if name is not None]
        for one, other in (("ids", "types"), ("types", "mask"), ("ids", "mask")):
            if roles[one] is not None and roles[other] is not None:
                swapped = {**roles, one: roles[other], other: roles[one]}
                yield _roles(look, place, swapped, f"{one}-{other}-exchanged", 1.0)
        for name in wanted:
            for role in ("types", "mask"):
                if name not in fed and roles[role] not in wanted:
                    yield _roles(look, place, {**roles, role: name}, f"{role}-to-{name}", 5.0)


def _roles(look: Look, place: int, roles: dict[str, str | None], name: str, prior: float) -> Intervention:
    # Null is a value of these options, not their absence.
    call = StepCall("tokenize_bert", {**look.calls[place].options, **roles})
    listed = ", ".join(f"{role}: {value or 'null'}" for role, value in roles.items())
    return Intervention(
        _NAME,
        name,
        exchanged(look.setup, place, (call,)),
        Text(
            f"The inputs of the model are mixed up: ids, token types and mask should go to {listed}.",
            f"模型输入对应错误：ids、token type 和 mask 应为 {listed}。",
        ),
        Text(f"set {listed} in tokenize_bert", f"把 tokenize_bert 改为 {listed}"),
        prior,
        ("preprocess", place),
    )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("special tokens", "特殊词元"),
    question=Text(
        "Are [CLS], [SEP] and token types as in training?", "[CLS]、[SEP] 与 token type 是否一致？"
    ),
    stage="preprocessed",
    propose=propose,
    source="F24",
)
