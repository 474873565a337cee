"""The lists of known operators are what the pinned engines register."""

from pathlib import Path

import pytest

from seatrial.model import formats
from seatrial.model.formats import _known
from support import registries

FOLDER = Path(formats.__file__).parent / "_known"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["paddle", "onnx"])
def test_the_lists_are_those_of_the_installed_engines(engine, update_golden):
    for name, text in getattr(registries, engine)().items():
        if update_golden:
            (FOLDER / f"{name}.txt").write_text(text, "utf-8")
        assert (FOLDER / f"{name}.txt").read_text("utf-8") == text


@pytest.mark.parametrize(
    ("name", "some"), [("paddle-pir", "relu"), ("paddle-program", "relu"), ("onnx", "Relu")]
)
def test_an_unknown_operator_is_named_with_what_is_close(name, some):
    (problem,) = _known.unknown([some, some + "_nope"], name)
    assert problem.code == "operator-unknown"
    assert some + "_nope" in problem.message
    assert some in problem.message.partition("close to")[2]


def test_an_operator_of_a_later_opset_is_named():
    (problem,) = _known.unknown(["Gelu", "Relu"], "onnx", version=17)
    assert "opset 20" in problem.message
    assert _known.unknown(["Gelu"], "onnx", version=20) == []
