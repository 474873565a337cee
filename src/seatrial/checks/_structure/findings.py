"""What the structure check says about files, versions, loading and operators (`M01`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict
from seatrial.errors import EngineFailure, SeatrialError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seatrial.model.artifact import Artifact, Operator, Problem

# Newest graph version (PIR) that each Paddle release was seen to read; 3.0 fails on convolutions of 4.
PIR_READ_BY: dict[tuple[int, ...], int] = {(3, 0): 1, (3, 1): 3, (3, 2): 4, (3, 3): 4}
_KNOWN_PIR = max(PIR_READ_BY.values())


def judge_problems(artifact: Artifact, problems: Sequence[Problem]) -> list[Finding]:
    """One finding for each defect of the files, or one that there is none."""
    files = len(artifact.files)
    if not problems:
        return [
            Finding(
                "structure.files",
                Verdict.PASS,
                Text(
                    f"{artifact.format} ({artifact.version}): {files} file{'s' * (files != 1)}, "
                    f"{len(artifact.parameters)} parameters, every byte accounted for",
                    f"{artifact.format}（{artifact.version}）：{files} 个文件、"
                    f"{len(artifact.parameters)} 个参数，"
                    "每个字节均有归属",
                ),
                files,
                measured=0,
                limit=Limit(0, "the format"),
                data={"digest": artifact.digest, "version": artifact.version},
            )
        ]
    return [
        Finding(
            f"structure.{each.code}",
            Verdict.FAIL,
            Text(each.message, f"模型文件有问题：{each.message}"),
            max(files, 1),
            where=each.where,
            cause=Text(
                each.hint or "The files are damaged or of different exports.",
                each.hint or "文件损坏，或来自不同的导出。",
            ),
            fix=Text(
                "Export again, copy graph and parameters together, and compare digests after copying.",
                "请重新导出，把计算图与参数一起复制，并在复制后核对摘要。",
            ),
        )
        for each in problems
    ]


def judge_version(artifact: Artifact, runtime: str, version: str) -> Finding:
    """Whether this release of the runtime reads this version of the format.

    Args:
        artifact: The model.
        runtime: `paddle`, `onnxruntime`, `openvino`.
        version: Of the runtime, such as `3.2.2`; empty when not known.
    """
    reason, reason_zh = _version_conflict(artifact, runtime, version)
    said = f"{artifact.format} {artifact.version} on {runtime} {version or '(version unknown)'}"
    said_zh = f"{artifact.format} {artifact.version}，运行时 {runtime} {version or '（版本未知）'}"
    return Finding(
        "structure.version",
        Verdict.FAIL if reason else Verdict.PASS,
        Text(f"{said}: {reason}" if reason else said, f"{said_zh}：{reason_zh}" if reason else said_zh),
        1,
        measured=artifact.version,
        limit=Limit(f"{runtime} {version}", "profile: the runtime of production"),
        cause=Text("Exported with another release than production runs.", "导出所用版本与生产环境不一致。")
        if reason
        else None,
        fix=Text(
            "Export with the release that production runs, or upgrade production first.",
            "请用生产环境的版本重新导出，或先升级生产环境。",
        )
        if reason
        else None,
        where=artifact.graph.name if reason else "",
    )


def _version_conflict(artifact: Artifact, runtime: str, version: str) -> tuple[str, str]:
    release = tuple(int(each) for each in re.findall(r"\d+", version)[:2])
    number = re.search(r"\d+", artifact.version)
    if runtime == "paddle" and artifact.format == "paddle-json":
        if release and release < (3, 0):
            return (
                "Paddle before 3.0 dies with SIGSEGV on a 3.x graph",
                "Paddle 3.0 之前的版本读取 3.x 计算图会段错误",
            )
        newest = PIR_READ_BY.get(release, _KNOWN_PIR) if release else _KNOWN_PIR
        if number and int(number.group()) > newest:
            return (
                f"the graph is of PIR {number.group()}, and this release reads up to PIR {newest}",
                f"计算图版本为 PIR {number.group()}，该版本最高只支持 PIR {newest}",
            )
    if runtime == "paddle" and artifact.format == "paddle-pdmodel" and release:
        made = tuple(int(each) for each in re.findall(r"\d+", artifact.version)[:2])
        if made and made[0] > release[0]:
            return (
                f"exported by Paddle {artifact.version}, newer than the runtime",
                f"由 Paddle {artifact.version} 导出，比运行时新",
            )
    if runtime == "openvino" and artifact.format == "paddle-json":
        return ("OpenVINO does not read 3.x graphs in JSON", "OpenVINO 不能读取 3.x 的 JSON 计算图")
    return "", ""


def judge_load(error: SeatrialError | None, artifact: Artifact, runtime: str, seconds: float) -> Finding:
    """Whether the engine took the model, in a process of its own."""
    if error is None:
        return Finding(
            "structure.load",
            Verdict.PASS,
            Text(f"{runtime} loads it in {seconds:.2f} s", f"{runtime} 加载成功，用时 {seconds:.2f} 秒"),
            1,
            measured=round(seconds, 3),
        )
    named = _named_operator(error.message, artifact.operators)
    cause = Text(error.hint or "The engine refused the files.", error.hint or "推理引擎拒绝了这些文件。")
    if named:
        cause = Text(f"The operator '{named}' is unknown to this release.", f"该版本不认识算子“{named}”。")
    verdict = Verdict.FAIL
    if isinstance(error, UsageError):  # no such engine here: nobody refused the model
        verdict = Verdict.NOT_EXERCISED
    elif isinstance(error, EngineFailure) and error.kind == "signal":
        cause = Text(
            f"The engine died with {error.signal_name} while reading the files: damaged, or of another "
            "version.",
            f"引擎读取文件时因 {error.signal_name} 崩溃：文件损坏或版本不符。",
        )
    return Finding(
        "structure.load",
        verdict,
        Text(
            f"{runtime} does not load it: {_short(error.message)}",
            f"{runtime} 无法加载：{_short(error.message)}",
        ),
        1 if verdict is Verdict.FAIL else 0,
        measured=getattr(error, "signal_name", "") or type(error).__name__,
        cause=cause,
        fix=Text(
            error.hint or "Export again with the release that production runs.",
            error.hint or "请用生产环境的版本重新导出。",
        ),
        where=artifact.graph.name,
    )


def _short(message: str) -> str:
    line = next((each.strip() for each in message.splitlines() if each.strip()), "no message")
    return line[:200]


def _named_operator(message: str, operators: Mapping[str, int]) -> str:
    """The operator an engine complains of, when its message names one of the graph and calls it unknown."""
    if not re.search(
        r"(?i)not (registered|found|supported|implemented)|unknown|no op|unregistered|not a registered",
        message,
    ):
        return ""
    named = [each for each in operators if re.search(rf"(?<![\w.]){re.escape(each)}(?!\w)", message)]
    return max(named, key=len, default="")


_OPTIMIZERS = frozenset({"sgd", "adam", "adamw", "momentum", "lamb", "rmsprop", "adagrad"})


def judge_leftovers(operators: Sequence[Operator]) -> Finding:
    """Operators left as they were in training: dropout that drops, normalisation that learns (F17, F18)."""
    rows = [(each.name, each.type, said) for each in operators if (said := _leftover(each))]
    dropouts = [each for each in rows if "drop" in each[1].lower()]
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    more_zh = f"，另有 {len(rows) - 1} 个" if len(rows) > 1 else ""
    return Finding(
        "structure.training-mode",
        Verdict.FAIL if rows else Verdict.PASS,
        Text(
            f"{rows[0][0]} is in training mode ({rows[0][2]}){more}"
            if rows
            else f"none of {len(operators)} operators is in training mode",
            f"{rows[0][0]} 处于训练模式（{rows[0][2]}）{more_zh}"
            if rows
            else f"{len(operators)} 个算子均不处于训练模式",
        ),
        max(len(operators), 1),
        measured=len(rows),
        limit=Limit(0, "check default: an inference graph learns nothing and drops nothing"),
        evidence=(
            Table(Text("training leftovers", "训练残留"), ("operator", "type", "what"), tuple(rows[:20])),
        )
        if rows
        else (),
        cause=Text(
            "Exported without net.eval(): the answer is random."
            if dropouts
            else "Exported without net.eval(): the answer of a sample depends on the others in its batch.",
            "导出前没有调用 net.eval()：结果带有随机性。"
            if dropouts
            else "导出前没有调用 net.eval()：样本的结果会受同批其他样本影响。",
        )
        if rows
        else None,
        fix=Text(
            "Call net.eval() before paddle.jit.save and export again.",
            "请在 paddle.jit.save 之前调用 net.eval() 并重新导出。",
        )
        if rows
        else None,
        where=rows[0][0] if rows else "",
    )


def _leftover(operator: Operator) -> str:
    """Why an operator belongs to training, or an empty string.

    Paddle keeps `is_test` (and `use_global_stats` for normalisation); ONNX has `training_mode`.
    """
    kind, attributes = operator.type.lower().rstrip("_"), operator.attributes
    if kind in _OPTIMIZERS or kind.endswith("_grad"):
        return "an operator of training"
    if attributes.get("training_mode") in (1, True):
        return "training_mode is true"
    if "dropout" in kind and attributes.get("is_test") is False:
        return "is_test is false"
    if "batch_norm" in kind and attributes.get("is_test") is False and not attributes.get("use_global_stats"):
        return "is_test and use_global_stats are false"
    return ""


def judge_fingerprint(name: str, expected: str, found: str, source: str) -> Finding:
    """Bytes against the digest that was vouched for: nothing else sees a flipped low bit (F09, F10)."""
    bad = expected.removeprefix("sha256:").lower() != found.removeprefix("sha256:").lower()
    return Finding(
        "structure.fingerprint",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"{name} is not the file that was vouched for"
            if bad
            else f"{name} is the file that was vouched for",
            f"{name} 与登记的摘要不一致" if bad else f"{name} 与登记的摘要一致",
        ),
        1,
        measured=found[:23],
        limit=Limit(expected[:23], source),
        cause=Text("It was changed or damaged after the digest was taken.", "登记摘要之后文件被改动或损坏。")
        if bad
        else None,
        fix=Text(
            "Copy it again from the export, or write the new digest down.",
            "请从导出处重新复制，或登记新的摘要。",
        )
        if bad
        else None,
        where=name if bad else "",
    )


def judge_computation(
    now: list[list[str]], before: list[list[str]], name: str, *, same_weights: bool
) -> Finding:
    """The operators against those of the baseline: with the same weights they must compute the same (F19).

    Args:
        now: `signatures` of this graph.
        before: Those the baseline recorded.
        name: Of the baseline.
        same_weights: Whether the weights are the baseline's.
    """
    pairs = [(one, other) for one, other in zip(now, before, strict=False) if one[1:] != other[1:]]
    changed = len(pairs) + abs(len(now) - len(before))
    first = pairs[0][0][0] if pairs else f"{len(now)} operators instead of {len(before)}"
    first_zh = pairs[0][0][0] if pairs else f"算子数由 {len(before)} 变为 {len(now)}"
    verdict = Verdict.PASS if not changed else Verdict.FAIL if same_weights else Verdict.WARN
    weights = "with the same weights " if same_weights else ""
    return Finding(
        "structure.computation",
        verdict,
        Text(
            f"{weights}{changed} operators differ from {name}, first {first}"
            if changed
            else f"{len(now)} operators compute as in {name}",
            f"{'权重相同，但' if same_weights else ''}与 {name} 相比有 {changed} 个算子不同，首个为 "
            f"{first_zh}"
            if changed
            else f"{len(now)} 个算子与 {name} 一致",
        ),
        max(len(now), 1),
        measured=changed,
        limit=Limit(0, f"baseline {name}"),
        evidence=(
            Table(
                Text("operators that differ", "不同的算子"),
                ("operator", "type now", "type in the baseline"),
                tuple((one[0], one[1], other[1]) for one, other in pairs[:20]),
            ),
        )
        if pairs
        else (),
        cause=Text(
            "An attribute of the graph was edited, or the network changed.",
            "计算图属性被修改，或网络结构发生变化。",
        )
        if changed
        else None,
        fix=Text(
            "Export again from the checkpoint; accept a new baseline if the network was meant to change.",
            "请从检查点重新导出；若网络确有改动，请接受新的基线。",
        )
        if changed
        else None,
        where=first if changed else "",
    )
