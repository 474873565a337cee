"""What the deployment check says about libraries, versions, delivered files and the bill (`M10`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial.checks._deployment.elf import parse_version
from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict

if TYPE_CHECKING:
    from seatrial.checks._deployment.elf import ElfReport
    from seatrial.checks._deployment.requirements import Flaw


def judge_needs_met(report: ElfReport, name: str) -> Finding:
    """Every library that is asked for must come from somewhere."""
    absent, broken = report.named("absent"), list(report.unreadable)
    rows = tuple(sorted({(each.name, each.status, each.user) for each in report.needs}))[:40]
    notes = {
        status: sorted({each.name for each in report.named(status)})
        for status in ("elsewhere", "system", "driver")
    }
    if absent or broken:
        first = absent[0] if absent else None
        what = f"{first.name} is needed by {first.user} and is nowhere" if first else broken[0]
        what_zh = f"{first.user} 需要 {first.name}，但到处都找不到" if first else f"ELF 文件损坏：{broken[0]}"
        verdict = Verdict.FAIL
        summary = Text(f"{name}: {what}", f"{name}：{what_zh}")
    else:
        verdict = Verdict.PASS
        extra = f"; from the system: {', '.join(notes['system'])}" if notes["system"] else ""
        extra_zh = f"；来自系统：{'、'.join(notes['system'])}" if notes["system"] else ""
        summary = Text(
            f"{name}: every library that {report.libraries} ELF files need is there{extra}",
            f"{name}：{report.libraries} 个 ELF 文件所需的动态库齐全{extra_zh}",
        )
    return Finding(
        "deployment.libraries",
        verdict,
        summary,
        report.libraries,
        measured=len({each.name for each in absent}) + len(broken),
        limit=Limit(0, "check default: the loader refuses to start without them"),
        evidence=(
            Table(
                Text("libraries from elsewhere", "来自别处的动态库"), ("library", "status", "needed by"), rows
            ),
        )
        if rows
        else (),
        cause=Text(
            "A file was removed, or a system package is not installed.", "文件被删除，或缺少系统软件包。"
        )
        if verdict is Verdict.FAIL
        else None,
        fix=Text(
            "Install the package again, or the system library it names.",
            "请重新安装该软件包，或安装它所需的系统库。",
        )
        if verdict is Verdict.FAIL
        else None,
        where=absent[0].user if absent else "",
        data=notes,
    )


def judge_machine(report: ElfReport, limit: Limit) -> Finding:
    """All machine code must be for the target's processor."""
    foreign = [each for each in report.machines if each != limit.value]
    bad = bool(foreign) or not report.machines
    return Finding(
        "deployment.machine",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"{report.libraries} libraries are for {', '.join(report.machines) or 'no processor'}; the "
            f"target is {limit.value}",
            f"{report.libraries} 个动态库面向 {'、'.join(report.machines) or '（无）'}，目标处理器为 "
            f"{limit.value}",
        ),
        report.libraries,
        measured=", ".join(report.machines),
        limit=limit,
        cause=Text("The package was built for another processor.", "软件包是为其他处理器构建的。")
        if bad
        else None,
        fix=Text("Install the wheel of the target's processor.", "请安装目标处理器对应的安装包。")
        if bad
        else None,
    )


def judge_floor(library: str, floor: tuple[int, ...], user: str, limit: Limit, *, examined: int) -> Finding:
    """The newest symbol that is asked for must not be newer than the target's system."""
    need, target = ".".join(map(str, floor)) or "none", str(limit.value)
    bad = bool(floor) and floor > parse_version(target)
    title = library.upper()
    return Finding(
        f"deployment.{library}",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"needs {title} {need}; the target has {target}",
            f"需要 {title} {need}，目标系统为 {target}",
        ),
        examined,
        measured=need,
        limit=limit,
        cause=Text(f"{user} was built on a newer system than the target.", f"{user} 的构建系统比目标系统新。")
        if bad
        else None,
        fix=Text(
            "Use a newer base image, or an older release of the runtime.",
            "请使用更新的基础镜像，或该运行时的旧版本。",
        )
        if bad
        else None,
        where=user if bad else "",
    )


_SEVERE = frozenset({"unpinned", "unreadable", "mismatch", "conflict", "missing"})


_FLAWS_ZH = {
    "unpinned": "未锁定版本",
    "unhashed": "缺少摘要",
    "unreadable": "无法解析",
    "mismatch": "与已安装版本不一致",
    "conflict": "版本冲突",
    "missing": "缺少依赖",
}


def judge_flaws(
    flaws: list[Flaw], examined: int, where: str, *, name: str = "deployment.versions"
) -> Finding:
    """Versions must be locked and fit together; a lock without digests is a warning."""
    severe = [each for each in flaws if each.code in _SEVERE]
    first = (severe or flaws)[0] if flaws else None
    verdict = Verdict.FAIL if severe else Verdict.WARN if flaws else Verdict.PASS
    if first is None:
        summary = Text(
            f"{where}: the versions of {examined} packages fit together",
            f"{where}：{examined} 个软件包的版本互相匹配",
        )
    else:
        more = f" ({len(flaws)} in all)" if len(flaws) > 1 else ""
        more_zh = f"（共 {len(flaws)} 处）" if len(flaws) > 1 else ""
        summary = Text(
            f"{where}: {first.code}: {first.where}: {first.what}{more}",
            f"{where}：{_FLAWS_ZH[first.code]}：{first.where}：{first.what}{more_zh}",
        )
    return Finding(
        name,
        verdict,
        summary,
        examined,
        measured=len(flaws),
        limit=Limit(0, "check default: what runs tomorrow must be what was tried today"),
        evidence=(
            Table(
                Text("versions that do not hold", "有问题的版本"),
                ("kind", "where", "what"),
                tuple((each.code, each.where, each.what) for each in flaws[:30]),
            ),
        )
        if flaws
        else (),
        cause=Text(
            "The lock is incomplete, or was not what was installed.", "锁定文件不完整，或与实际安装不一致。"
        )
        if flaws
        else None,
        fix=Text(
            "Lock every version with digests: pip-compile --generate-hashes, or uv export --frozen.",
            "请用 pip-compile --generate-hashes 或 uv export --frozen 锁定所有版本及其摘要。",
        )
        if flaws
        else None,
        where=where if flaws else "",
    )


def judge_completeness(name: str, absent: list[str], examined: int) -> Finding:
    """Every file the package came with must still be there."""
    return Finding(
        "deployment.complete",
        Verdict.FAIL if absent else Verdict.PASS,
        Text(
            f"{name}: {len(absent)} files of the package are gone, first {absent[0]}"
            if absent
            else f"{name}: every file the package came with is there",
            f"{name}：软件包缺失 {len(absent)} 个文件，首个为 {absent[0]}"
            if absent
            else f"{name}：软件包自带的文件齐全",
        ),
        max(examined, 1),
        measured=len(absent),
        limit=Limit(0, "check default: the package's own RECORD"),
        cause=Text("Files were removed to make an image smaller.", "为缩小镜像删除了文件。")
        if absent
        else None,
        fix=Text("Install the package again.", "请重新安装该软件包。") if absent else None,
        where=absent[0] if absent else "",
    )


def judge_forbidden(found: list[tuple[str, str]], examined: int) -> Finding:
    """Nothing of the workshop goes out with the model."""
    return Finding(
        "deployment.forbidden",
        Verdict.FAIL if found else Verdict.PASS,
        Text(
            f"{found[0][0]} does not belong in a delivery: {found[0][1]} ({len(found)} in all)"
            if found
            else f"none of the {examined} delivered files belongs to the workshop",
            f"交付物中不应包含 {found[0][0]}（共 {len(found)} 个）"
            if found
            else f"{examined} 个交付文件中没有开发过程文件",
        ),
        examined,
        measured=len(found),
        limit=Limit(0, "check default"),
        evidence=(
            Table(Text("what does not belong", "不应交付的文件"), ("file", "what it is"), tuple(found[:30])),
        )
        if found
        else (),
        cause=Text("The whole working folder was handed over.", "把整个工作目录都交付了。")
        if found
        else None,
        fix=Text(
            "Deliver the exported model, its contract and its lock; leave these out.",
            "请只交付导出的模型、契约和锁定文件。",
        )
        if found
        else None,
        where=found[0][0] if found else "",
    )


def judge_size(size: float, limit: Limit, examined: int) -> Finding:
    """What is handed over must fit."""
    bad = size > limit.number
    return Finding(
        "deployment.size",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(f"{size:.2f} MB in {examined} files", f"共 {examined} 个文件，{size:.2f} MB"),
        examined,
        measured=round(size, 3),
        limit=limit,
        cause=Text("Weights in float32, or files that do not belong.", "权重为 float32，或混入了无关文件。")
        if bad
        else None,
        fix=Text("Quantise, or leave out what is not needed.", "请量化模型或去除不需要的文件。")
        if bad
        else None,
    )


def judge_bill(data: dict[str, Any], error: str) -> Finding:
    """The bill must be valid, carry digests, and name the model as a component."""
    components = data.get("components", [])
    kinds = {data.get("metadata", {}).get("component", {}).get("type")}
    unhashed = [each["name"] for each in components if not each.get("hashes")]
    if "machine-learning-model" not in kinds:
        error = error or "the model is not a component"
    if unhashed:
        error = error or f"no digest of {unhashed[0]}"
    rows = tuple(
        (each["name"], each.get("version", ""), len(each.get("components", ()))) for each in components
    )
    return Finding(
        "deployment.sbom",
        Verdict.FAIL if error else Verdict.PASS,
        Text(
            f"the bill of materials is not valid: {error}"
            if error
            else f"CycloneDX 1.6 with the model and {len(components)} packages, every one with a digest",
            f"物料清单无效：{error}"
            if error
            else f"CycloneDX 1.6 物料清单包含模型与 {len(components)} 个软件包，均带摘要",
        ),
        len(components) + 1,
        measured=len(components),
        evidence=(Table(Text("packages", "软件包"), ("name", "version", "shared libraries"), rows),)
        if rows
        else (),
        cause=Text("The package's own data is incomplete.", "软件包自身的信息不完整。") if error else None,
        fix=Text("Install the packages from wheels with a RECORD.", "请使用带 RECORD 的 wheel 安装软件包。")
        if error
        else None,
    )
