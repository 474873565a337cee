"""`seatrial check --also`: which other processors are asked."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from seatrial.checks import load_profile
from seatrial.cli.check import _with_others, command
from seatrial.errors import NotFound


def test_names_come_one_by_one_or_together_after_those_of_the_profile(tmp_path):
    own = tmp_path / "fleet.yaml"
    own.write_text("runtimes: [onnxruntime]\nrequired: []\nalso: [browser]\n")
    profile = _with_others(load_profile(str(own)), ("arm64-onnxruntime,avx2-onnxruntime", "browser"))
    assert profile.also == ("browser", "arm64-onnxruntime", "avx2-onnxruntime")
    assert _with_others(load_profile("edge"), ()).also == ()


def test_a_runtime_that_does_not_exist_is_refused_before_anything_runs():
    with pytest.raises(NotFound) as caught:
        _with_others(load_profile("edge"), ("mips",))
    assert "arm64-onnxruntime" in caught.value.hint


def test_the_option_is_told():
    told = CliRunner().invoke(command, ["--help"])
    assert "--also RUNTIME" in told.output
