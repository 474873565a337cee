"""Troubleshooting: what this model says when something is wrong, and what to do then."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seatrial.contract import TensorSpec
from seatrial.contract.feeds import check_feeds
from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._documents import interface, results
from seatrial.deliverables._documents.blocks import Code, Page
from seatrial.deliverables._documents.facts import EXITS, STATUSES, documents
from seatrial.deliverables._documents.writer import CONTRACT, REPORT, Writer
from seatrial.errors import ContractViolation
from seatrial.text import Text

_TAKEN = 2  # for a free dimension, in an example
_MOST = 4_000_000  # numbers in all examples of a model; larger ones are not made only to be refused


def _write(w: Writer, handover: Handover) -> Page:
    folder = f"{handover.name}-{handover.version}"
    _where(w, folder)
    _dimensions(w, handover)
    _versions(w)
    _differences(w, handover, folder)
    _slow(w)
    _license(w, handover)
    _codes(w)
    lead = w.line(
        "What this model says when something is wrong, why, and what to do then.",
        "出现问题时模型会给出什么信息、原因何在、如何处理。",
    )
    return w.page("troubleshooting", ("Troubleshooting", "故障排查"), lead)


def _where(w: Writer, folder: str) -> None:
    w.heading("Begin here", "从这里开始")
    rows = (
        ("files may be damaged or changed", "文件可能损坏或被改动", f"seatrial verify {folder}"),
        ("it does not start, or answers otherwise on this machine", "无法启动，或在本机答案不同",
         f"seatrial selfcheck {folder}"),
        ("a service does not answer", "服务没有应答", "seatrial client ready http://127.0.0.1:8000"),
        ("what does a service really have loaded", "服务实际加载了什么", "seatrial client show http://127.0.0.1:8000"),
        ("a message of the checks is not clear", "看不懂检查信息", "seatrial explain consistency"),
    )  # fmt: skip
    w.grid(
        (("what you see", "现象"), ("ask", "先运行")),
        [(w.word(en, zh), Code(command)) for en, zh, command in rows],
    )


def _dimensions(w: Writer, handover: Handover) -> None:
    w.heading("Dimensions and types", "维度与类型错误")
    w.text("The model takes exactly this:", "模型只接受以下输入：")
    interface.tensors(w, handover, "inputs")
    rows = []
    for place, spec in enumerate(handover.contract.inputs):
        for en, zh, message in _mistakes(handover.contract.inputs, spec):
            rows.append((w.word(en, zh), w.quoted(message, CONTRACT, "inputs", place)))
    w.text("What it says to what is often sent instead, word for word:", "常见错误及其原文报错：")
    w.grid((("what was sent", "发送了什么"), ("what is said", "报错原文")), rows)
    w.bullets(
        [
            w.line(
                "Send the sample to `/v1/models/NAME/predict`, and the service prepares it by the contract; "
                "tensors to `/v2/models/NAME/infer` must be prepared already.",
                "把样本发给 `/v1/models/NAME/predict`，服务会按契约完成预处理；发给 `/v2/models/NAME/infer` "
                "的必须是处理好的张量。",
            ),
            w.line("The SDKs check the same before anything is sent.", "SDK 在发送之前会做同样的检查。"),
        ]
    )


def _mistakes(specs: tuple[TensorSpec, ...], spec: TensorSpec) -> Iterator[tuple[str, str, str]]:
    """Wrong tensors for one input, and what the contract's own check says to each."""
    if spec.dtype in ("string", "bfloat16", "complex64", "complex128") or spec.dtype.startswith("float8"):
        return
    if sum(_numbers(each) for each in specs) > _MOST:
        return
    right = {each.name: _right(each) for each in specs}
    array = right[spec.name]
    other = np.float64 if array.dtype != np.float64 else np.int32
    tried: list[tuple[str, str, dict[str, Any]]] = []
    if array.ndim > 1:
        tried.append(("without its batch axis", "缺少批次维", {spec.name: array[0]}))
    fixed = [axis for axis, size in enumerate(spec.shape) if isinstance(size, int) and axis]
    if fixed:
        wrong = np.concatenate([array, array], axis=fixed[-1])
        tried.append(("another size in the last fixed axis", "最后一个固定维的大小不对", {spec.name: wrong}))
    if len(fixed) > 1 and array.shape[fixed[0]] != array.shape[fixed[-1]]:
        tried.append(("axes in another order", "维度顺序不对", {spec.name: np.moveaxis(array, fixed[0], -1)}))
    tried.append(("another number type", "数值类型不对", {spec.name: array.astype(other)}))
    if array.dtype.kind == "f" and array.size:
        tried.append(("not a number among the values", "含有 NaN", {spec.name: np.full_like(array, np.nan)}))
    for en, zh, changed in tried:
        message = _said(specs, {**right, **changed})
        if message:
            yield en, zh, message
    yield ("the input left out", "缺少该输入",
           _said(specs, {name: each for name, each in right.items() if name != spec.name}))  # fmt: skip


def _shape(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(each if isinstance(each, int) else _TAKEN for each in spec.shape)


def _numbers(spec: TensorSpec) -> int:
    return math.prod(_shape(spec))


def _right(spec: TensorSpec) -> Any:
    return np.full(_shape(spec), spec.low or 0, dtype=spec.dtype)


def _said(specs: tuple[TensorSpec, ...], feeds: Mapping[str, Any]) -> str:
    try:
        check_feeds(specs, feeds)
    except ContractViolation as error:
        return error.message
    return ""


def _versions(w: Writer) -> None:
    w.heading("Version conflicts", "版本冲突")
    w.text(
        "The model was checked with these versions, and with no others; `sdk/python/requirements.txt` pins "
        "them.",
        "模型只在以下版本上检查过；`sdk/python/requirements.txt` 已锁定这些版本。",
    )
    results.packages(w)
    w.bullets(
        [
            w.line(
                "An older runtime may refuse the file's version ({format} {version}), a newer one may answer "
                "a little differently: `seatrial selfcheck` says which.",
                "较旧的运行时可能不认识该文件版本（{format} {version}），较新的可能有微小差异："
                "用 `seatrial selfcheck` 判断。",
                format=w.report("model", "format", code=True),
                version=w.report("model", "version"),
            ),
            w.line(
                "Install into an environment of its own (`python -m venv`): two engines may want different "
                "versions of one library.",
                "请装入独立环境（`python -m venv`）：不同引擎可能需要同一库的不同版本。",
            ),
        ]
    )


def _differences(w: Writer, handover: Handover, folder: str) -> None:
    w.heading("Results differ", "结果不一致")
    w.text(
        "First what is normal: runtimes differ in the last digits. This is what was measured:",
        "首先了解正常范围：不同运行时在末位上会有差异。实测如下：",
    )
    results.tables(w, "consistency", "Every variant")
    for part, each in results.findings(w, "consistency"):
        if each["id"] == "consistency.reference":
            w.note(
                "{said}", "{said}", said=w.said(REPORT, "results", "consistency", "findings", part, "summary")
            )
    w.text(
        "When it is more, let `diagnose` find the cause: it tries known mistakes one by one and proves the "
        "one that explains the difference by undoing it.",
        "超出范围时，用 `diagnose` 查找原因：它逐一尝试已知错误，并通过撤销该错误来证明结论。",
    )
    graph = handover.models[0].graph.name
    model = f"{folder}/models/{handover.models[0].format}/{graph}"
    w.listing(
        f"seatrial diagnose http://127.0.0.1:8000/v1/models/{handover.name}/predict "
        f"--contract {folder}/contract.yaml --reference {model} --data SAMPLES"
    )
    _usual(w, handover)


def _usual(w: Writer, handover: Handover) -> None:
    """The mistakes that this model's own steps invite."""
    names = {call.name for call in handover.contract.preprocess.calls}
    lines = []
    if names & {"decode_image", "color"}:
        lines.append(
            w.line("The channels are in another order (RGB, BGR).", "颜色通道顺序不对（RGB 与 BGR）。")
        )
    if "normalize" in names:
        lines.append(
            w.line(
                "The picture was scaled twice or not at all, or mean and deviation are others.",
                "图像被重复缩放或未缩放，或均值、标准差不对。",
            )
        )
    if any(each.startswith("resize") for each in names):
        lines.append(w.line("Another library or interpolation resized it.", "缩放所用的库或插值方式不同。"))
    if any(each.startswith("tokenize") for each in names):
        lines.append(
            w.line("Another vocabulary, case or Unicode form.", "词表、大小写或 Unicode 规范化方式不同。")
        )
    if handover.contract.labels:
        lines.append(w.line("The label list is another, or shifted by one.", "标签表不同，或整体错位。"))
    lines.append(w.line("The axes are in another order.", "维度顺序不同。"))
    w.text("With this model these come first:", "对本模型，优先检查：")
    w.bullets(lines)


def _slow(w: Writer) -> None:
    w.heading("Too slow", "速度慢")
    w.text(
        "What was measured, on the machine of the [technical document](technical.html):",
        "实测结果（机器见[技术文档](technical.html)）：",
    )
    results.tables(w, "performance", "Service time", "Throughput")
    w.grid(
        (("what you see", "现象"), ("what to do", "处理办法")),
        [
            (
                w.word("one request alone is slow", "单个请求就慢"),
                w.line(
                    "`seatrial check MODEL --data SAMPLES --only performance` measures this machine; "
                    "then `--threads`",
                    "用 `seatrial check MODEL --data SAMPLES --only performance` 测量本机，再调 `--threads`",
                ),
            ),
            (
                w.word("slow only under load", "仅在负载下慢"),
                w.line(
                    "`/metrics` tells queue and compute time apart; then `--devices`, `--max-batch-size`, "
                    "`--max-queue-delay`, or more replicas",
                    "`/metrics` 区分排队与计算时间；再调 `--devices`、`--max-batch-size`、"
                    "`--max-queue-delay` 或增加副本",
                ),
            ),
            (
                w.word("the first request is slow", "第一个请求慢"),
                w.line(
                    "wait for `/v2/health/ready`: the server warms up before it says so",
                    "等待 `/v2/health/ready`：服务预热后才会就绪",
                ),
            ),
            (
                w.word("another runtime may be faster", "换一种运行时可能更快"),
                w.line("`seatrial serve --runtime NAME`; names: `seatrial list runtimes`",
                       "`seatrial serve --runtime NAME`；可选项见 `seatrial list runtimes`"),
            ),
        ],
    )  # fmt: skip


def _license(w: Writer, handover: Handover) -> None:
    w.heading("Licenses and sealed bundles", "许可证与加密包")
    rows = (
        ("the models are sealed", "模型已加密",
         "give the key that they were sealed for: `--unseal-key`, or `--license` with `--device`",
         "提供接收方密钥：`--unseal-key`，或 `--license` 加 `--device`"),
        ("the license is not valid yet, or expired", "许可证未生效或已过期",
         "`seatrial license show` tells the term; ask for a new one; set the clock right",
         "用 `seatrial license show` 查看期限；申请新证；校准时钟"),
        ("it is for another machine", "许可证属于另一台机器",
         "`seatrial device show` tells how this one is bound; enroll it and ask again",
         "用 `seatrial device show` 查看本机绑定情况；重新登记后申请"),
        ("it was revoked, or its list is too old", "许可证被吊销，或吊销列表过旧",
         "ask who issued it; fetch the newer list", "联系签发方；更新吊销列表"),
        ("the calls are used up", "调用次数用尽", "ask for more; nothing is lost by asking again",
         "申请增加次数"),
        ("faster than allowed", "超过允许速率", "wait as `Retry-After` says", "按 `Retry-After` 等待"),
        ("the clock went back", "时钟被回拨", "set it right; the last time seen is remembered",
         "校准时钟；系统会记住见过的最晚时间"),
    )  # fmt: skip
    w.grid(
        (("what is said", "信息"), ("what to do", "处理办法")),
        [(w.word(en, zh), w.line(do, tun)) for en, zh, do, tun in rows],
    )
    if handover.license_required:
        w.callout(
            "note",
            "Servers ask for a license before they serve this bundle.",
            "提供本交付包服务前，服务端会要求许可证。",
        )
    else:
        w.text(
            "This bundle asks for no license by itself; a sealed copy of it may.",
            "本交付包自身不要求许可证；其加密副本可能需要。",
        )


def _codes(w: Writer) -> None:
    w.heading("Exit codes and HTTP codes", "退出码与 HTTP 状态码")
    for tree, heads in (
        (EXITS, (("exit code", "退出码"), ("what it means", "含义"))),
        (STATUSES, (("HTTP status", "HTTP 状态码"), ("what it means", "含义"))),
    ):
        w.grid(
            heads,
            [
                (w.key(tree, code, code=False), w.line(each["en"], each["zh"]))
                for code, each in w.facts.raw(tree).items()
            ],
        )


def _make(handover: Handover) -> Iterator[Item]:
    yield from documents(handover, "troubleshooting", _write)


DELIVERABLE = Deliverable(
    name="troubleshooting",
    order=132,
    summary=Text("troubleshooting, in English and Chinese", "故障排查（中英文）"),
    make=_make,
)
