"""What each kind of threat means and what to do about it, in the two languages of the report (`M08`)."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.checks._finding import Text, Verdict


@dataclass(frozen=True, slots=True)
class Group:
    """Threats that are answered by one finding.

    Attributes:
        id: Of the finding.
        codes: Of the threats.
        verdict: When there is any.
        subject: What was looked for, as the middle of a sentence.
        cause: What usually causes it.
        fix: What to do.
    """

    id: str
    codes: tuple[str, ...]
    verdict: Verdict
    subject: Text
    cause: Text
    fix: Text


GROUPS = (
    Group(
        "security.pickles",
        ("pickle-global", "pickle-computed-global", "pickle-extension", "pickle-too-long", "pickle-corrupt"),
        Verdict.FAIL,
        Text("pickle instructions that do more than rebuild numbers", "超出“重建数值”范围的 pickle 指令"),
        Text(
            "Loading a pickle runs whatever it names; paddle.load() and torch.load() unpickle without "
            "asking.",
            "加载 pickle 会执行其中点名的任何函数；paddle.load() 和 torch.load() 都会不加询问地反序列化。",
        ),
        Text(
            "Do not load the file. Deliver the static export (.json/.pdmodel with .pdiparams), or save "
            "the plain "
            "tensors again from a source you trust.",
            "不要加载该文件。请只交付静态图导出文件（.json/.pdmodel 与 .pdiparams），"
            "或从可信来源重新保存纯张量。",
        ),
    ),
    Group(
        "security.pickle-forms",
        ("pickle-trailing", "pickle-object-array"),
        Verdict.WARN,
        Text(
            "files that need unpickling or carry bytes after their end",
            "需要反序列化或在结尾之后还有数据的文件",
        ),
        Text(
            "An array of Python objects, or bytes after the end of a pickle, where a hidden payload "
            "would lie.",
            "文件保存的是 Python 对象数组，或在 pickle 结束之后还有数据，这正是藏匿载荷的常见位置。",
        ),
        Text("Save plain numeric arrays, and only those.", "请只保存纯数值数组。"),
    ),
    Group(
        "security.archives",
        ("archive-slip", "archive-link", "archive-device", "archive-bomb", "archive-unreadable"),
        Verdict.FAIL,
        Text(
            "archives that write outside their folder, link out of it, or explode",
            "会写出目录之外、带有外链或解压后膨胀的压缩包",
        ),
        Text(
            "A crafted archive overwrites files or fills the disk of whoever unpacks it.",
            "精心构造的压缩包会在解压者的机器上覆盖文件或占满磁盘。",
        ),
        Text(
            "Pack the files again with plain relative names, no links, and look at where the archive "
            "came from.",
            "请用普通相对路径、不含链接的方式重新打包，并查清该压缩包的来源。",
        ),
    ),
    Group(
        "security.external-data",
        ("external-data",),
        Verdict.FAIL,
        Text("tensors read from files outside the model's folder", "从模型目录之外读取的张量"),
        Text(
            "An ONNX tensor may name any file as its data: the loader would read what it is pointed at.",
            "ONNX 张量可以把任意文件当作数据来源，加载时会读取它指向的文件。",
        ),
        Text(
            "Save the model with its external data in one file beside it, named without folders.",
            "请把外部数据保存在模型旁边的单个文件中，文件名不要带目录。",
        ),
    ),
    Group(
        "security.custom-operators",
        ("custom-operator",),
        Verdict.FAIL,
        Text("operators that run foreign code", "会执行外部代码的算子"),
        Text(
            "An operator of a foreign domain loads a shared library or Python code chosen by the model.",
            "非标准域的算子会加载由模型指定的动态库或 Python 代码。",
        ),
        Text(
            "Export with standard operators, or name the domain in the limit security.operator_domains "
            "once its "
            "library has been reviewed.",
            "请改用标准算子导出；若该算子库已通过审查，可在限值 security.operator_domains 中登记其域名。",
        ),
    ),
    Group(
        "security.machine-code",
        ("machine-code",),
        Verdict.WARN,
        Text("programs and shared libraries among the model files", "模型文件中夹带的程序或动态库"),
        Text("A model needs no machine code of its own.", "模型本身不需要携带机器码。"),
        Text(
            "Remove it, or deliver it as a reviewed package.", "请将其移除，或作为经过审查的软件包单独交付。"
        ),
    ),
    Group(
        "security.secrets",
        ("secret",),
        Verdict.FAIL,
        Text("keys, tokens and passwords", "密钥、令牌与口令"),
        Text(
            "A secret was left in a configuration, a notebook, the metadata of the model or behind its end.",
            "配置、笔记本、模型元数据或文件尾部遗留了机密信息。",
        ),
        Text(
            "Revoke it first, since it has been copied; then remove it and read it from the environment "
            "instead.",
            "请先吊销该机密（它已经被复制出去了），再将其删除，改为从环境变量或密钥服务读取。",
        ),
    ),
    Group(
        "security.paths",
        ("home-path", "private-host"),
        Verdict.WARN,
        Text("home folders and private hosts", "个人目录与内网主机"),
        Text(
            "Paths of the machine that exported the model (call stacks of operators, often) or of the house "
            "network were saved with it.",
            "导出机器上的路径（常见于算子调用栈）或内网地址被一并保存进了文件。",
        ),
        Text(
            "Export again from a neutral folder, or strip the call stacks; use names relative to the model.",
            "请在中性目录中重新导出或去除调用栈信息，并改用相对路径。",
        ),
    ),
)
