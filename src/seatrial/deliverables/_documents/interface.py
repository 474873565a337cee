"""What goes in and out, in words: tensors, steps with their constants, labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial.deliverables._deliverable import Handover
from seatrial.deliverables._documents.blocks import Code, Line
from seatrial.deliverables._documents.facts import STEPS
from seatrial.deliverables._documents.writer import CONTRACT, Writer

MOST_LABELS = 24
_STEP_WORDS = {
    "argmax": ("takes the index of the largest score", "取分数最大的类别索引"),
    "cast": ("converts to the number type that the model takes", "转换为模型所需的数值类型"),
    "color": (
        "brings the color channels into the order that the model was trained with",
        "把颜色通道转换为训练时的顺序",
    ),
    "crop": ("cuts out the middle of the picture", "裁剪出图像中心区域"),
    "ctc_decode": (
        "reads the text off the scores: best class at each place, repeats merged, blanks dropped",
        "按 CTC 解码：逐位置取最优类别，合并重复并去掉空白符，得到文本与置信度",
    ),
    "db_boxes": (
        "finds regions of text in the probability map and gives their boxes in the source picture",
        "在概率图中查找文本区域，给出其在原图中的四点框",
    ),
    "decode_image": ("decodes the picture into pixels", "把图像文件解码为像素"),
    "detection_rows": (
        "makes boxes, scores and classes of the rows that the model gives",
        "把模型输出的各行转换为检测框、分数与类别",
    ),
    "expand": ("adds an axis of one", "增加一个长度为一的维度"),
    "feed": ("says which value goes into which input", "指定各个输入分别取哪个值"),
    "file_bytes": ("hands the file over as it is: the model decodes it", "原样送入文件字节，由模型自行解码"),
    "label_map": ("gives the class index its name", "把类别索引转换为标签名"),
    "lookup": ("turns tokens into ids of the vocabulary", "按词表把词元转换为编号"),
    "mask": ("gives each pixel of the source picture its class", "给出原图每个像素的类别"),
    "nms": ("drops boxes that a better one of the same class covers", "去掉被同类更优框覆盖的检测框（NMS）"),
    "note": (
        "keeps what the model says of its input's geometry for a later step",
        "记下模型给出的输入几何信息，供后续步骤使用",
    ),
    "pack": (
        "puts the outputs of the model into the parts of the answer",
        "把模型的各个输出放入答案的对应字段",
    ),
    "normalize": (
        "multiplies by the scale, subtracts the mean and divides by the deviation, channel by channel",
        "逐通道归一化：先乘缩放系数，再减均值、除以标准差",
    ),
    "number": ("scales the number back to its unit", "把数值还原到原有单位"),
    "pad": ("pads to the size", "填充到指定大小"),
    "reshape": ("puts the same numbers into another shape", "改变形状，数值不变"),
    "resize": ("resizes the picture", "缩放图像"),
    "resize_limit": (
        "resizes so that a side keeps a limit, then to a multiple",
        "按边长限制缩放，并对齐到倍数",
    ),
    "resize_long": ("resizes by the long side, its ratio kept", "按长边等比缩放"),
    "resize_short": ("resizes by the short side, its ratio kept", "按短边等比缩放"),
    "resize_width": ("resizes to a fixed height, the width by its ratio", "缩放到固定高度，宽度按比例"),
    "select": ("takes one of several outputs", "从多个输出中选取一个"),
    "sigmoid": ("makes a probability of each score", "把每个分数转换为概率（sigmoid）"),
    "softmax": ("makes probabilities of the scores", "把分数转换为概率（softmax）"),
    "squeeze": ("drops axes of one", "去掉长度为一的维度"),
    "threshold": ("decides yes or no by a threshold", "按阈值判定是或否"),
    "tokenize_bert": ("turns text into ids as BERT and ERNIE do", "按 BERT/ERNIE 的方式把文本转换为编号"),
    "tokenize_chars": ("splits text into characters", "把文本拆分为字符"),
    "tokenize_words": ("splits text into words", "把文本拆分为词"),
    "topk": ("takes the best classes with their confidence", "取得分最高的若干类别及其置信度"),
    "transpose": ("reorders the axes", "调整维度顺序"),
}
_HEADS = (
    ("name", "名称"),
    ("type", "类型"),
    ("shape", "形状"),
    ("layout", "布局"),
    ("smallest", "最小值"),
    ("largest", "最大值"),
)


def tensors(w: Writer, handover: Handover, side: str) -> None:
    """The table of `inputs` or `outputs`."""
    specs: Sequence[Any] = getattr(handover.contract, side)
    rows = []
    for place in range(len(specs)):
        cells: list[Any] = [w.fact(CONTRACT, side, place, "name", code=True)]
        cells += [w.fact(CONTRACT, side, place, "dtype", code=True), shape(w, side, place)]
        for key in ("layout", "low", "high"):
            there = w.facts.has(CONTRACT, side, place, key)
            cells.append(w.fact(CONTRACT, side, place, key) if there else "–")
        rows.append(cells)
    w.grid(_HEADS, rows)


def shape(w: Writer, side: str, place: int) -> Line:
    """A shape, each dimension with its source: `batch × 1 × 8 × 8`."""
    dimensions = w.facts.raw(CONTRACT, side, place, "shape")
    made: list[Any] = []
    for axis, each in enumerate(dimensions):
        made += [" × "] if axis else []
        made.append("*" if each is None else w.fact(CONTRACT, side, place, "shape", axis))
    return tuple(made) or (w.word("a single number", "标量"),)


def steps(w: Writer, handover: Handover, stage: str) -> None:
    """The steps of `preprocess` or `postprocess`, in words, with every constant."""
    calls = getattr(handover.contract, stage).calls
    if not calls:
        w.text(
            "None: what is sent must be the tensor itself."
            if stage == "preprocess"
            else "None: the outputs are the answer.",
            "无：直接发送张量。" if stage == "preprocess" else "无：直接返回模型输出。",
        )
        return
    w.bullets([_step(w, stage, place, call) for place, call in enumerate(calls)], ordered=True)


def _step(w: Writer, stage: str, place: int, call: Any) -> Line:
    words = _STEP_WORDS.get(call.name)
    said = w.word(*words) if words else ""
    options = w.facts.raw(STEPS, call.name) if w.facts.has(STEPS, call.name) else {}
    constants: list[Any] = []
    for name in options:
        stated = w.facts.has(CONTRACT, stage, place, call.name, name)
        fact = w.fact(CONTRACT, stage, place, call.name, name) if stated else w.fact(STEPS, call.name, name)
        constants += [w.word("; ", "；")] if constants else []
        constants += [Code(name), " = ", fact]
    head: Line = (Code(call.name), w.word(": ", "："), said, w.word(".", "。"))
    return (*head, " ", *constants) if constants else head


def labels(w: Writer, handover: Handover) -> None:
    """The labels, or how they begin when there are many."""
    for what, file, en, zh in (
        ("labels", "labels.txt", "labels", "标签"),
        ("vocabulary", "vocabulary.txt", "tokens", "词表"),
    ):
        count = len(getattr(handover.contract, what))
        if not count:
            continue
        shown: list[Any] = []
        for place in range(min(count, MOST_LABELS)):
            shown += [", " if shown else "", w.fact(file, place)]
        if count > MOST_LABELS:
            w.text(
                f"First {en} by index, the rest is in `{file}`: {{shown}} …",
                f"按索引排列的前若干个{zh}，其余见 `{file}`：{{shown}} …",
                shown=tuple(shown),
            )
        else:
            w.text(
                f"All {en} by index (`{file}`): {{shown}}",
                f"全部{zh}，按索引排列（`{file}`）：{{shown}}",
                shown=tuple(shown),
            )
