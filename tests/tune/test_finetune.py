"""A training script of the user's: what it is called with, what it must leave (M21)."""

from __future__ import annotations

import json
import shutil

import pytest

from seatrial.errors import ModelError, NotFound
from seatrial.model import open_model
from seatrial.tune import finetuned
from support import quantizable

LEAVES = """
import json, shutil, sys
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("training")
shutil.copy(given["--model"], given["--out"])
open(given["--data"], "w").write(json.dumps(given))
"""


@pytest.fixture
def source(tmp_path):
    return open_model(quantizable.saved(quantizable.sensitive(), tmp_path / "source"))


def ran(tmp_path, source, text, told=None):
    script = tmp_path / "script.py"
    script.write_text(text, "utf-8")
    said = [] if told is None else told
    return finetuned(
        script,
        source,
        data=str(tmp_path / "seen.json"),
        folder=tmp_path / "out",
        seed=5,
        progress=said.append,
    )


def test_it_gets_model_data_out_and_seed_and_its_lines_are_shown(tmp_path, source):
    told = []
    made = ran(tmp_path, source, LEAVES, told)
    given = json.loads((tmp_path / "seen.json").read_text())
    assert given["--seed"] == "5"
    assert given["--out"] == str(tmp_path / "out")
    assert told == ["training"]
    assert made.digest == source.digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print('no idea'); raise SystemExit(3)", "exit code 3: no idea"),
        ("print('done')", "left no model"),
        (
            "import sys; open(sys.argv[6] + '/model.onnx', 'wb').write(b'\\x08\\x08')",
            "defective|no model|not",
        ),
    ],
    ids=["fails", "nothing", "garbage"],
)
def test_a_script_that_leaves_no_sound_model_is_an_error(tmp_path, source, text, message):
    with pytest.raises(ModelError, match=message):
        ran(tmp_path, source, text)


def test_no_script(tmp_path, source):
    with pytest.raises(NotFound, match="no script"):
        finetuned(tmp_path / "none.py", source, data="", folder=tmp_path / "o", seed=0, progress=print)


def test_the_copy_is_left_alone(tmp_path, source):
    before = source.graph.read_bytes()
    ran(tmp_path, source, LEAVES)
    assert source.graph.read_bytes() == before
    shutil.rmtree(tmp_path / "out")
