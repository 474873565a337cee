"""The service answers with another version of the model than the one that was accepted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._models import MOST
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Every other version that the service announces, the newest first."""
    versions = [str(each) for each in getattr(case.runner, "versions", ())]
    asked = setup.where.get("version", str(getattr(case.runner, "version", "")))
    others = sorted((each for each in versions if each != asked), key=_newest)
    if len(versions) < 2:
        return
    for place, version in enumerate(others[:MOST]):
        which = f"version {asked}" if asked else "a version of its own choice"
        which_zh = f"版本 {asked}" if asked else "自行选择的版本"
        yield Intervention(
            hypothesis="service-version",
            name=f"version-{version}",
            setup=replace(setup, where={**setup.where, "version": version}),
            said=Text(
                f"The service answers with {which}; version {version} is the one that was accepted.",
                f"服务使用的是{which_zh}，而验收通过的是版本 {version}。",
            ),
            fix=Text(
                f"route to version {version}, or load it again after the deployment",
                f"把流量指向版本 {version}，或在部署后重新加载",
            ),
            prior=6.0 if place == 0 else 4.0,
        )


def _newest(version: str) -> tuple[int, int, str]:
    return (0, -int(version), "") if version.isdecimal() else (1, 0, version)


HYPOTHESIS = Hypothesis(
    name="service-version",
    title=Text("service version", "服务版本"),
    question=Text("Does the service run another version?", "服务运行的是否是另一个版本？"),
    stage="outputs",
    propose=propose,
    source="PaddleOCR #15141",
)
