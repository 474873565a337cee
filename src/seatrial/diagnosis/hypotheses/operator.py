"""An operator computes something else: an attribute was changed, or a runtime fuses it wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses import dropout, train_mode
from seatrial.diagnosis.hypotheses._models import MOST, edited, named, operators_of, paired, plain_type
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.diagnosis.stages import compare_operators
from seatrial.errors import SeatrialError
from seatrial.model import Operator, OperatorEdit
from seatrial.runtimes import OperatorError, available_runtimes
from seatrial.text import Text

# What says where an operator came from or runs, and nothing about what it computes.
_SILENT = frozenset(
    {"struct_name", "place", "op_callstack", "op_namescope", "op_role", "op_role_var", "op_device", "name",
     "with_quant_attr", "use_mkldnn", "mkldnn_data_type", "use_cudnn", "seed", "fix_seed", "momentum"}
)  # fmt: skip
# These have hypotheses of their own.
_TRAINING = frozenset({"is_test", "use_global_stats", "trainable_statistics", "training_mode"})
_ELSEWHERE = dict.fromkeys((*train_mode.TYPES, *dropout.TYPES), _TRAINING)
_GONE = object()


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Attributes as the reference has them, then the same graph run without optimisation or elsewhere."""
    if setup.artifact is None:
        return
    edits = _differences(case, setup)
    diverging = _first(case, setup)
    if edits:
        yield from _restored(case, setup, edits, diverging)
    # Operators that agree one by one, and outputs that do not: then it is how the graph is run.
    traced = _known_equal(case, setup)
    yield from _run_otherwise(setup, prior=6.0 if traced else 0.7)


def _differences(case: Case, setup: Setup) -> list[tuple[Operator, OperatorEdit]]:
    """Operators whose type or attributes are not the reference's, with the edit that restores them."""
    mine, right = operators_of(case, setup.artifact), operators_of(case, case.reference.artifact)
    found = []
    for one, other in paired(mine, right):
        changed = {
            name: value
            for name, value in _attributes(one, other).items()
            if name not in _SILENT and name not in _ELSEWHERE.get(plain_type(one.type), frozenset())
        }
        kind = other.type if other.type != one.type else ""
        if changed or kind:
            found.append((one, OperatorEdit(one.name, changed, kind)))
    return found


def _attributes(one: Operator, other: Operator) -> dict[str, Any]:
    """What must change in `one`: the other's values, None for what the other does not have."""
    mine, right = one.attributes, other.attributes
    changed = {name: value for name, value in right.items() if mine.get(name, _GONE) != value}
    return {**changed, **dict.fromkeys(name for name in mine if name not in right)}


def _first(case: Case, setup: Setup) -> OperatorError | None:
    """The first operator that diverges from the reference's on the same input, where that is known."""
    try:
        found = compare_operators(case, setup)
    except SeatrialError:
        return None
    return found.first if found is not None else None


def _known_equal(case: Case, setup: Setup) -> bool:
    try:
        found = compare_operators(case, setup)
    except SeatrialError:
        return False
    return found is not None and found.compared > 0 and found.first is None


def _restored(
    case: Case,
    setup: Setup,
    edits: Sequence[tuple[Operator, OperatorEdit]],
    diverging: OperatorError | None,
) -> Iterator[Intervention]:
    if len(edits) > 1:
        changed = edited(case, setup, changes=[edit for _, edit in edits])
        if changed is not None:
            yield _all_restored(changed, edits, diverging)
    for operator, edit in edits[: MOST - 6]:
        changed = edited(case, setup, changes=[edit])
        if changed is not None:
            yield _one_restored(changed, operator, edit, diverging)


def _all_restored(
    changed: Setup, edits: Sequence[tuple[Operator, OperatorEdit]], diverging: OperatorError | None
) -> Intervention:
    en, zh = named([operator.name for operator, _ in edits])
    first = f"; {diverging.label} is the first that diverges" if diverging else ""
    first_zh = f"；最先出现偏差的是 {diverging.label}" if diverging else ""
    return Intervention(
        hypothesis="operator",
        name="reference-attributes",
        setup=changed,
        said=Text(
            f"Operators compute something else than in the reference: {en}{first}.",
            f"以下算子的属性与参考模型不同：{zh}{first_zh}。",
        ),
        fix=Text("export the graph again as the reference was", "按参考模型的方式重新导出计算图"),
        prior=8.0,
    )


def _one_restored(
    changed: Setup, operator: Operator, edit: OperatorEdit, diverging: OperatorError | None
) -> Intervention:
    what = [f"{name} is {_shown(operator.attributes, name)} instead of {_shown(edit.attributes, name)}"
            for name in edit.attributes]  # fmt: skip
    what_zh = [f"{name} 为 {_shown(operator.attributes, name)}，应为 {_shown(edit.attributes, name)}"
               for name in edit.attributes]  # fmt: skip
    if edit.type:
        what.insert(0, f"it is {operator.type} instead of {edit.type}")
        what_zh.insert(0, f"类型为 {operator.type}，应为 {edit.type}")
    named_first = diverging is not None and plain_type(operator.type) in diverging.label
    first = f" It is where the outputs part ({diverging.label})." if diverging and named_first else ""
    first_zh = f"输出正是从这里开始分叉（{diverging.label}）。" if diverging and named_first else ""
    return Intervention(
        hypothesis="operator",
        name=operator.name,
        setup=changed,
        said=Text(
            f"The operator {operator.name} was changed: {', '.join(what)}.{first}",
            f"算子 {operator.name} 被改动：{'；'.join(what_zh)}。{first_zh}",
        ),
        fix=Text(
            f"export {operator.name} again as the reference has it",
            f"按参考模型重新导出算子 {operator.name}",
        ),
        prior=20.0 if named_first else 10.0,
    )


def _shown(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    return "absent" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)[:60]


def _run_otherwise(setup: Setup, *, prior: float) -> Iterator[Intervention]:
    """The same files, run in other ways."""
    options = setup.options
    runtimes = available_runtimes(setup.artifact) if setup.artifact is not None else []
    runtime = setup.runtime if setup.runtime != "auto" else next(iter(runtimes), "")
    if runtime == "paddle" and options.engine.get("onednn", True):
        yield _run(
            replace(setup, options=replace(options, engine={**options.engine, "onednn": False})),
            "onednn-off",
            Text("oneDNN's kernels", "oneDNN 内核"),
            Text("switch oneDNN off (disable_mkldnn)", "关闭 oneDNN（disable_mkldnn）"),
            prior,
        )
    if options.optimize:
        plain = replace(options, optimize=False)
        yield _run(
            replace(setup, options=plain),
            "unoptimized",
            Text("graph optimization (fusion)", "图优化（融合）"),
            Text("switch graph optimization off", "关闭图优化"),
            prior,
        )
    for other in runtimes:
        if other != runtime:
            yield _run(
                replace(setup, runtime=other, options=replace(options, engine={})),
                f"in-{other}",
                Text(f"the runtime {runtime}", f"推理引擎 {runtime}"),
                Text(f"serve it with {other}", f"改用 {other} 提供服务"),
                prior / 2,
            )


def _run(setup: Setup, name: str, what: Text, fix: Text, prior: float) -> Intervention:
    return Intervention(
        hypothesis="operator",
        name=name,
        setup=setup,
        said=Text(
            f"The graph is right and is run wrongly: {what.en} changes its answers.",
            f"计算图本身正确，运行方式有误：{what.zh}改变了结果。",
        ),
        fix=fix,
        prior=prior,
    )


HYPOTHESIS = Hypothesis(
    name="operator",
    title=Text("operator", "算子"),
    question=Text("Does an operator compute something else?", "是否有算子的计算结果不同？"),
    stage="operators",
    propose=propose,
    source="F19, Paddle #56026, #17278, Paddle2ONNX #321",
)
