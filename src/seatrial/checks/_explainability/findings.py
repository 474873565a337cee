"""What the explainability check says and shows (`M09`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seatrial.checks._explainability.attribution import Cells, Feed, Integrated, Weights, as_map
from seatrial.checks._explainability.faithfulness import Curves, concentration, p_value_of_ranks
from seatrial.checks._finding import Chart, Evidence, Finding, Limit, Picture, Series, Table, Text, Verdict
from seatrial.checks._pictures import heat, picture, picture_of, sheet
from seatrial.checks._trial import Trial
from seatrial.contract import Contract, Sample

SURE = 0.05
FIXED_PLACE = 0.35
_COMPLETE = 0.05
_SHOWN = 6
_COMMON_GRID = (8, 8)
_METHODS_ZH = {"Integrated Gradients": "积分梯度", "occlusion": "遮挡法", "random masks": "随机掩码法"}


@dataclass(frozen=True)
class Explained:
    """One answer with what it rests on, by cell."""

    sample: Sample
    answer: str
    feed: Feed
    cells: Cells
    weights: Weights


def answer_text(answer: Any) -> str:
    """An answer in a few characters."""
    if isinstance(answer, Mapping):
        for name in ("class", "text", "value"):
            if name in answer:
                sure = answer.get("confidence")
                return f"{answer[name]}" + (f" ({sure:.2f})" if isinstance(sure, float) else "")
        if "boxes" in answer:
            return f"{len(answer['boxes'])} boxes"
    return str(answer)[:40]


def completeness_finding(found: Integrated, trial: Trial) -> Finding:
    """The weights must sum to the change they explain: the test that Integrated Gradients are right."""
    limit = trial.limit(
        "explainability.completeness", _COMPLETE, reason="what the sum may miss of the change"
    )
    relative = found.residual / np.maximum(np.abs(found.change), 0.1)
    worst = float(np.median(relative))
    bad = worst > limit.number
    n = len(found.residual)
    return Finding(
        "explainability.completeness",
        Verdict.WARN if bad else Verdict.PASS,
        Text(
            f"Integrated Gradients of {n} answers add up to the change they explain but for {worst:.2%} "
            "(median).",
            f"{n} 个答案的积分梯度之和与应解释的变化量相差 {worst:.2%}（中位数）。",
        ),
        examined=n,
        measured=round(worst, 6),
        limit=limit,
        cause=Text("The gradients are not those of the deployed graph.", "梯度与部署的计算图不一致。")
        if bad
        else None,
        fix=Text(
            "Trust the occlusion instead; compare the gradients with training.",
            "改用遮挡法，并与训练侧梯度对比。",
        )
        if bad
        else None,
    )


def faithful_finding(curves: Sequence[Curves], orders: int, method: str) -> Finding:
    """Emptying what the explanation calls important must hurt more than emptying at random."""
    p_value = p_value_of_ranks([each.rank for each in curves], orders)
    gain = float(np.mean([each.gain for each in curves]))
    chance = float(np.mean([np.mean(each.random_gains) for each in curves]))
    good = p_value < SURE
    return Finding(
        "explainability.faithfulness",
        Verdict.PASS if good else Verdict.WARN,
        Text(
            f"Insertion minus deletion area is {gain:.3f} by {method} against {chance:.3f} in random "
            "order, over "
            f"{len(curves)} answers (p = {p_value:.2g}).",
            f"按{_METHODS_ZH[method]}排序，插入与删除曲线面积之差为 {gain:.3f}，随机排序为 {chance:.3f}"
            f"（{len(curves)} 个答案，p = {p_value:.2g}）。",
        ),
        examined=len(curves),
        measured=round(p_value, 6),
        limit=Limit(SURE, "check default: p-value against random orders"),
        evidence=(_curve_chart(curves),),
        cause=None
        if good
        else Text(
            "The explanation points elsewhere than the model looks, or the answer rests on the whole input.",
            "解释所指并非模型真正关注之处，或答案依赖整个输入。",
        ),
        fix=None
        if good
        else Text("Do not show these pictures as reasons.", "不要把这些图作为决策理由展示。"),
        data={"gain": gain, "random": chance},
    )


def _curve_chart(curves: Sequence[Curves]) -> Chart:
    points = min(len(each.deletion) for each in curves)
    share = tuple(float(each) for each in np.linspace(0, 1, points))
    deletion = np.mean([each.deletion[:points] for each in curves], axis=0)
    insertion = np.mean([each.insertion[:points] for each in curves], axis=0)
    return Chart(
        Text("Deletion and insertion, mean over the answers", "删除与插入曲线（各答案平均）"),
        "line",
        "share of the input, most important first",
        "explained figure",
        (
            Series("deletion", share, tuple(float(each) for each in deletion)),
            Series("insertion", share, tuple(float(each) for each in insertion)),
        ),
    )


def shortcut_finding(explained: Sequence[Explained], trial: Trial) -> Finding:
    """A small fixed place that decides for different answers alike is a shortcut (F42)."""
    limit = trial.limit(
        "explainability.fixed_region", FIXED_PLACE, reason="attribution on one fixed 1/64 of the input"
    )
    if len(explained) < 3:
        return Finding(
            "explainability.shortcut",
            Verdict.SKIP,
            Text("Too few answers to look for a fixed region.", "答案太少，无法判断是否依赖固定区域。"),
            examined=0,
        )
    grids = {each.cells.grid for each in explained}
    common = grids.pop() if len(grids) == 1 else _COMMON_GRID
    found = concentration([_on_grid(each, common) for each in explained], [each.answer for each in explained])
    bad = found.suspicious(limit.number)
    row, column = divmod(found.place, common[1])
    where = f"cell {row + 1},{column + 1} of {common[0]}x{common[1]}"
    return Finding(
        "explainability.shortcut",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"The busiest fixed place ({where}) carries {found.share:.1%} of the attribution and leads in "
            f"{found.common:.0%} of {found.inputs} answers.",
            f"最集中的固定位置（{common[0]}x{common[1]} 网格的第 {row + 1} 行第 {column + 1} 列）占归因的 "
            f"{found.share:.1%}，在 {found.inputs} 个答案中的 {found.common:.0%} 居首。",
        ),
        examined=found.inputs,
        measured=round(found.share, 5),
        limit=limit,
        cause=Text(
            "The model learned a mark that goes with the label (a stamp, a watermark, a border), not "
            "the thing.",
            "模型学到的是与标签相伴的记号（印章、水印、边框），而不是目标本身。",
        )
        if bad
        else None,
        fix=Text(
            "Remove the mark from the training data and train again.", "从训练数据中去除该记号后重新训练。"
        )
        if bad
        else None,
        where=where if bad else "",
    )


def _on_grid(each: Explained, grid: tuple[int, int]) -> Weights:
    weights = np.abs(as_map(each.cells, each.weights))
    if each.cells.grid == grid:
        return weights
    small = Image.fromarray(weights.astype("float32")).resize((grid[1], grid[0]), Image.Resampling.BOX)
    return np.asarray(small, "float64")


def pictures_finding(explained: Sequence[Explained], method: str, what: str, contract: Contract) -> Finding:
    """The pictures, or the words, that the answers rest on."""
    shown: list[Evidence] = []
    for each in explained[:_SHOWN]:
        drawn = _picture(each, method) if each.cells.kind == "picture" else _words(each, contract)
        if drawn is not None:
            shown.append(drawn)
    mass = [float(np.abs(each.weights).sum()) for each in explained]
    silent = sum(each <= 1e-9 for each in mass)
    bad = silent * 2 > len(explained)
    return Finding(
        "explainability.attribution",
        Verdict.WARN if bad else Verdict.PASS,
        Text(
            f"{len(explained)} answers explained by {method} ({what}); {silent} of them rest on nothing.",
            f"用{_METHODS_ZH[method]}解释了 {len(explained)} 个答案；其中 {silent} 个找不到任何依据。",
        ),
        examined=len(explained),
        measured=silent,
        limit=Limit(len(explained) // 2, "check default: answers that rest on nothing"),
        evidence=tuple(shown),
        cause=Text("The output does not depend on the input.", "输出与输入无关。") if bad else None,
        fix=Text("See the accuracy and weights checks.", "请查看准确性与权重检查。") if bad else None,
    )


def _picture(each: Explained, method: str) -> Picture | None:
    pixels = _pixels(each)
    if pixels is None:
        return None
    wide = pixels.shape[1] > 2 * pixels.shape[0]
    if max(pixels.shape[:2]) < 64:  # each pixel must be visible before it is colored
        scale = 160 // max(pixels.shape[:2])
        pixels = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    weights = as_map(each.cells, each.weights)
    if weights.size <= pixels.shape[0] * pixels.shape[1] and max(weights.shape) <= 64 and not wide:
        grown = Image.fromarray(weights.astype("float32"))
        weights = np.asarray(
            grown.resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.NEAREST), "float64"
        )
    colored = heat(pixels, weights)
    height, width = (64, 420) if wide else (200, 200)
    paper = sheet([pixels, colored], columns=1 if wide else 2, height=height, width=width)
    truth = "" if each.sample.label is None else f", label {each.sample.label}"
    return picture(
        paper,
        Text(f"{each.sample.key} → {each.answer}", f"{each.sample.key} → {each.answer}"),
        Text(
            f"Input and what {method} found: red speaks for the answer, blue against it{truth}.",
            f"输入与其{_METHODS_ZH[method]}结果：红色支持答案，蓝色反对。",
        ),
    )


def _pixels(each: Explained) -> NDArray[np.uint8] | None:
    """The sample as people have it; what the model saw of it when it was padded or cropped on the way."""
    array = each.feed[each.cells.name]
    height, width = each.cells.index.shape
    original = picture_of(each.sample.payload)
    if original is not None and abs(original.shape[1] / original.shape[0] / (width / height) - 1) < 0.05:
        return original
    # In gray, for the order of the channels is the model's own.
    return picture_of(array[0].mean(axis=-1 if each.cells.channels_last else 0))


def _words(each: Explained, contract: Contract) -> Table:
    """The tokens or features that weigh most."""
    order = np.argsort(-np.abs(each.weights), kind="stable")[:12]
    ids = np.asarray(each.feed[each.cells.name])[0]
    rows = []
    for cell in order:
        name = f"#{int(cell)}"
        if each.cells.kind == "tokens":
            token = int(ids[cell])
            name = contract.vocabulary[token] if 0 <= token < len(contract.vocabulary) else str(token)
        rows.append((name, round(float(each.weights[cell]), 5)))
    title = f"{each.sample.key} → {each.answer}"
    return Table(Text(title, title), ("part", "weight"), tuple(rows))


def nothing_to_cut(n: int) -> Finding:
    """No input can be taken apart."""
    return Finding(
        "explainability.attribution",
        Verdict.INCONCLUSIVE,
        Text(
            f"None of {n} samples has an answer whose input can be taken apart.",
            f"{n} 个样本中没有可以拆解输入来解释的答案。",
        ),
        examined=n,
        cause=Text(
            "Nothing was answered, or the input is a single number.", "没有得到回答，或输入只有一个数值。"
        ),
        fix=Text("See the accuracy and interface checks.", "请查看准确性与接口检查。"),
    )
