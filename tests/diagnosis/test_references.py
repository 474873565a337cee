"""A reference is read from whatever people have, or refused with what was expected."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import Contract, Pipeline, Sample, StepCall, TensorSpec
from seatrial.diagnosis._reference_rows import Rows, rows_of
from seatrial.diagnosis.references import ReferenceOptions, read_reference
from seatrial.diagnosis.sampling import chosen
from seatrial.errors import EngineFailure, NotFound, UsageError

COUNT = 5
SAMPLES = tuple(
    Sample(f"img/{row}.png", np.full((2,), row, np.float32), label=row % 2) for row in range(COUNT)
)


def contract(**options) -> Contract:
    return Contract(
        **{
            "name": "m",
            "task": "classification",
            "inputs": (TensorSpec("x", "float32", ("batch", 2)),),
            "outputs": (TensorSpec("p", "float32", ("batch", 3)),),
            "postprocess": Pipeline((StepCall("topk", {"k": 1}),)),
            "labels": ("a", "b", "c"),
            **options,
        }
    )


OUTPUTS = np.arange(COUNT * 3, dtype=np.float32).reshape(COUNT, 3)
FEEDS = np.arange(COUNT * 2, dtype=np.float32).reshape(COUNT, 2)


def npz(path: Path, **arrays) -> str:
    np.savez(path / "ref.npz", **arrays)
    return str(path / "ref.npz")


def lines(path: Path, *values) -> str:
    (path / "ref.jsonl").write_text("\n".join(json.dumps(each) for each in values) + "\n", "utf-8")
    return str(path / "ref.jsonl")


# -- labels --------------------------------------------------------------------------------------------------
def test_labels() -> None:
    found = read_reference("labels", SAMPLES, contract())
    assert found.labels_only
    assert found.answers == (0, 1, 0, 1, 0)


def test_some_labels_missing_is_said_and_none_at_all_is_refused() -> None:
    some = (*SAMPLES[:4], Sample("x", np.zeros(2)))
    assert "1 of 5 samples have none" in read_reference("labels", some, contract()).source
    with pytest.raises(UsageError, match="no labels"):
        read_reference("labels", some[4:], contract())


# -- arrays --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["p", "anything"])
def test_outputs_by_name_or_the_only_one(tmp_path: Path, name: str) -> None:
    found = read_reference(npz(tmp_path, **{name: OUTPUTS}), SAMPLES, contract())
    assert found.outputs is not None
    assert [each[0].shape for each in found.outputs] == [(1, 3)] * COUNT
    np.testing.assert_array_equal(np.concatenate([each[0] for each in found.outputs]), OUTPUTS)
    assert found.feeds is None
    assert found.answers is None


def test_preprocessed_inputs_and_answers(tmp_path: Path) -> None:
    found = read_reference(npz(tmp_path, x=FEEDS, answer=np.array(list("abcab"))), SAMPLES, contract())
    assert found.feeds is not None
    np.testing.assert_array_equal(found.feeds[3]["x"], FEEDS[3:4])
    assert found.answers == tuple("abcab")
    assert found.outputs is None


def test_beside_outputs_labels_are_not_the_training_sides_answers(tmp_path: Path) -> None:
    labels = np.arange(COUNT)
    assert read_reference(npz(tmp_path, p=OUTPUTS, label=labels), SAMPLES, contract()).answers is None
    assert read_reference(npz(tmp_path, label=labels), SAMPLES, contract()).answers == (0, 1, 2, 3, 4)


def test_several_outputs_in_the_contracts_order(tmp_path: Path) -> None:
    two = contract(outputs=(TensorSpec("p", "float32", ("batch", 3)), TensorSpec("q", "float32", ("batch",))))
    found = read_reference(npz(tmp_path, q=np.arange(COUNT), p=OUTPUTS), SAMPLES, two)
    assert found.outputs is not None
    assert [each.shape for each in found.outputs[0]] == [(1, 3), (1,)]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "nothing to compare with"),
        ({"p": OUTPUTS[:4]}, r"has 4 rows, and there are 5 samples"),
        ({"p": OUTPUTS, "answer": np.arange(4)}, r"differ in their number of rows: 4, 5"),
        ({"p": OUTPUTS[:, :2]}, r"'p' is float32 \[5, 2\], and the contract says float32 \['batch', 3\]"),
        ({"p": OUTPUTS[:, None]}, r"\[5, 1, 3\]"),
        ({"p": OUTPUTS, "r": OUTPUTS, "s": OUTPUTS, "q": OUTPUTS}, None),
        ({"a": OUTPUTS, "b": OUTPUTS}, r"holds a \[5, 3\], b \[5, 3\], and the model gives 1 outputs: p"),
        ({"p": np.float32(1)}, "without rows"),
        ({"p": OUTPUTS, "key": np.array(["a"])}, r"'key' has shape \[1\], expected \[5\]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_with_what_was_expected(tmp_path: Path, arrays, said) -> None:
    if said is None:  # the contract's own names are there: what else lies beside them does no harm
        assert read_reference(npz(tmp_path, **arrays), SAMPLES, contract()).outputs is not None
        return
    with pytest.raises(UsageError, match=said):
        read_reference(npz(tmp_path, **arrays), SAMPLES, contract())


def test_pickles_and_other_files_are_no_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "ref.npz", p=np.array([{"a": 1}] * COUNT, dtype=object))
    with pytest.raises(UsageError, match="no archive of plain arrays"):
        read_reference(str(tmp_path / "ref.npz"), SAMPLES, contract())
    (tmp_path / "ref.npz").write_bytes(b"PK nothing")
    with pytest.raises(UsageError, match="no archive of plain arrays"):
        read_reference(str(tmp_path / "ref.npz"), SAMPLES, contract())


def test_a_part_of_the_inputs_is_refused(tmp_path: Path) -> None:
    two = contract(
        inputs=(TensorSpec("x", "float32", ("batch", 2)), TensorSpec("y", "float32", ("batch", 2)))
    )
    with pytest.raises(UsageError, match="holds the inputs x, and the model takes x, y"):
        read_reference(npz(tmp_path, x=FEEDS), SAMPLES, two)


# -- which row is whose --------------------------------------------------------------------------------------
def test_rows_by_key_in_any_order_and_by_bare_file_name(tmp_path: Path) -> None:
    keys = np.array([f"{row}.png" for row in (4, 2, 0, 1, 3)])
    found = read_reference(npz(tmp_path, p=OUTPUTS[[4, 2, 0, 1, 3]], key=keys), SAMPLES, contract())
    assert found.outputs is not None
    np.testing.assert_array_equal(np.concatenate([each[0] for each in found.outputs]), OUTPUTS)


def test_samples_of_a_table_are_known_by_their_files(tmp_path: Path) -> None:
    files = tuple(Sample(str(row), tmp_path / f"{row}.png") for row in (7, 8))
    values = [{"key": f"data/{row}.png", "answer": row} for row in (8, 7)]
    assert read_reference(lines(tmp_path, *values), files, contract()).answers == (7, 8)


def test_samples_without_a_row_have_no_reference(tmp_path: Path) -> None:
    keys = np.array(["img/1.png", "img/3.png"])
    found = read_reference(npz(tmp_path, p=OUTPUTS[:2], key=keys), SAMPLES, contract())
    assert found.outputs is not None
    assert [each is not None for each in found.outputs] == [False, True, False, True, False]
    assert "2 of 5 samples" in found.source


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["a", "b", "c", "d", "e"], r"no key is a sample's: it has 'a', 'b', 'c', \.\.\., and the samples"),
        (["img/0.png"] * 2 + list("cde"), r"'img/0.png' stands there 2 times"),
        (["img/0.png", *"bcde"], r"4 of 5 keys are no sample's: 'b', 'c', 'd', \.\.\."),
    ],
)
def test_keys_that_do_not_fit(tmp_path: Path, keys, said) -> None:
    with pytest.raises(UsageError, match=said):
        read_reference(npz(tmp_path, p=OUTPUTS, key=np.array(keys)), SAMPLES, contract())


@given(st.integers(1, 300), st.integers(1, 400), st.integers(0, 9))
def test_chosen_rows_find_their_own_in_files_of_the_whole_and_of_the_first_part(count, limit, seed) -> None:
    rows = chosen(count, limit=limit, seed=seed)
    assert len(set(rows.places)) == len(rows.places) <= min(count, limit)
    samples = [Sample(str(place), "x") for place in rows.places]
    for length in {count, min(count, limit)}:
        assert rows_of(samples, length, keys=None, rows=rows, where="f") == list(rows.places)
        keys = [str(each) for each in range(length)]
        assert rows_of(samples, length, keys=keys, rows=rows, where="f") == list(rows.places)
    with pytest.raises(UsageError, match="rows"):
        rows_of(samples, count + 1, keys=None, rows=rows, where="f")


def test_a_choice_from_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        chosen(0, seed=1)


def test_the_choice_is_used_by_files(tmp_path: Path) -> None:
    rows = Rows((3, 1), (COUNT,))
    options = ReferenceOptions(rows=rows)
    picked = (SAMPLES[3], SAMPLES[1])
    found = read_reference(npz(tmp_path, p=OUTPUTS), picked, contract(), options)
    assert found.outputs is not None
    np.testing.assert_array_equal(found.outputs[0][0], OUTPUTS[3:4])
    told = read_reference(lines(tmp_path, *"abcde"), picked, contract(), options)
    assert told.answers == ("d", "b")


# -- lines ---------------------------------------------------------------------------------------------------
def test_answers_bare_wrapped_and_as_infer_prints_them(tmp_path: Path) -> None:
    values = [
        "a",
        {"answer": {"class": "b"}},
        {"label": 2},
        {"class": "c", "confidence": 0.5},
        {"error": "x"},
    ]
    found = read_reference(lines(tmp_path, *values), SAMPLES, contract())
    assert found.answers == ("a", {"class": "b"}, 2, {"class": "c", "confidence": 0.5}, None)
    keyed = [{"input": f"data/{row}.png", "answer": row} for row in (3, 1, 0, 2, 4)]
    assert read_reference(lines(tmp_path, *keyed), SAMPLES, contract()).answers == (0, 1, 2, 3, 4)


def test_outputs_in_lines(tmp_path: Path) -> None:
    by_name = [{"outputs": {"p": each.tolist()}} for each in OUTPUTS]
    flat = [{"outputs": each.tolist()} for each in OUTPUTS]
    batched = [{"outputs": [[each.tolist()]], "answer": "a"} for each in OUTPUTS]
    for values in (by_name, flat, batched):
        found = read_reference(lines(tmp_path, *values), SAMPLES, contract())
        assert found.outputs is not None
        np.testing.assert_array_equal(np.concatenate([each[0] for each in found.outputs]), OUTPUTS)
    assert found.answers == ("a",) * COUNT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ('"a"\nnot json\n', "line 2 is no JSON"),
        ('"a"\n"b"\n', "has 2 rows, and there are 5 samples"),
        ('{"key": "img/0.png", "answer": 1}\n"b"\n', "1 of 2 lines have a key"),
        ('{"outputs": {"z": [1]}}\n' * 5, "must hold p"),
        ('{"outputs": {"p": "word"}}\n' * 5, "'p' is no tensor"),
        ('{"outputs": {"p": [[[1, 2, 3]]]}}\n' * 5, r"has shape \[1, 1, 3\]"),
        ('{"error": "x"}\n' * 5, "no answer for any sample"),
    ],
)
def test_lines_that_do_not_fit(tmp_path: Path, text, said) -> None:
    (tmp_path / "ref.jsonl").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=said):
        read_reference(str(tmp_path / "ref.jsonl"), SAMPLES, contract())


def test_what_is_no_reference_is_told_the_forms(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no reference") as caught:
        read_reference(str(tmp_path / "gone"), SAMPLES, contract())
    assert "labels" in caught.value.hint
    (tmp_path / "model.py").write_text("")
    with pytest.raises(UsageError, match="names no class"):
        read_reference(str(tmp_path / "model.py"), SAMPLES, contract())


# -- the training side ---------------------------------------------------------------------------------------
def training(folder: Path, source: str) -> Path:
    (folder / "training.py").write_text(textwrap.dedent(source), "utf-8")
    return folder / "training.py"


def test_a_plain_function_in_a_process_of_its_own(tmp_path: Path) -> None:
    file = training(
        tmp_path,
        """
        import os
        import statistics
        import numpy as np
        import beside
        assert hasattr(statistics, "median")  # the library's own, not a file that happens to lie beside ours
        def answer(x):
            return np.concatenate([x, np.full((len(x), 1), os.getpid(), "float32")], axis=1) + beside.OFFSET
        """,
    )
    (tmp_path / "beside.py").write_text("OFFSET = 0\n")
    found = read_reference(f"{file}:answer", SAMPLES, contract())
    assert found.outputs is not None
    rows = np.concatenate([each[0] for each in found.outputs])
    np.testing.assert_array_equal(rows[:, 0], np.arange(COUNT))
    assert len(set(rows[:, 2].tolist())) == 1
    assert rows[0, 2] != os.getpid()
    assert found.answers is None
    assert "deployed contract" in found.source


def test_with_its_own_contract_there_are_answers_too(tmp_path: Path) -> None:
    file = training(
        tmp_path, "def f(x):\n    return __import__('numpy').eye(3, dtype='float32')[[2] * len(x)]\n"
    )
    casting = contract(preprocess=Pipeline((StepCall("cast", {"dtype": "float32"}),)))
    doubles = tuple(Sample(each.key, np.float64(each.payload)) for each in SAMPLES)
    found = read_reference(f"{file}:f", doubles, contract(), ReferenceOptions(contract=casting))
    assert found.answers is not None
    assert [each["class"] for each in found.answers] == ["c"] * COUNT
    assert found.feeds is not None
    assert found.feeds[3]["x"].tolist() == [[3, 3]]
    assert found.contract is casting


FAKE_TORCH = """
import pickle
import numpy as np
__version__ = "0.fake"
class _Quiet:
    def __enter__(self): return self
    def __exit__(self, *_): return None
no_grad = _Quiet
class Tensor:
    def __init__(self, values): self.values = np.asarray(values)
    shape = property(lambda self: self.values.shape)
    def detach(self): return self
    def cpu(self): return self
    def numpy(self): return self.values
from_numpy = Tensor
def load(file, map_location, weights_only):
    if weights_only and "whole" in file:
        raise pickle.UnpicklingError("weights only")
    return {key: Tensor(value) for key, value in np.load(file).items()}
class nn:
    class Module:
        training = True
        def eval(self): self.training = False
        def __call__(self, *given): return self.forward(*given)
nn.Module.__module__ = "torch.nn"
"""
NET = """
import torch
class Net(torch.nn.Module):
    def __init__(self): self.weight = torch.Tensor([[0.0] * 3] * 2)
    def state_dict(self): return {"weight": self.weight}
    def load_state_dict(self, state): self.weight = state["weight"]
    def forward(self, x):
        assert not self.training
        return {"scores": torch.Tensor(x.values @ self.weight.values)}
class Needy(Net):
    def __init__(self, depth): pass
def build(): return Net()
"""


@pytest.fixture
def fake_torch(tmp_path: Path) -> Path:
    """A folder with a module and something that behaves like PyTorch, beside it."""
    training(tmp_path, NET)
    (tmp_path / "torch.py").write_text(FAKE_TORCH)
    with (tmp_path / "net.pt").open("wb") as stream:
        np.savez(stream, weight=np.ones((2, 3), np.float32))
    (tmp_path / "whole.pth").write_bytes((tmp_path / "net.pt").read_bytes())
    with (tmp_path / "other.pt").open("wb") as stream:
        np.savez(stream, bias=np.ones(3))
    with (tmp_path / "wide.pt").open("wb") as stream:
        np.savez(stream, weight=np.ones((2, 4)))
    with (tmp_path / "parallel.pt").open("wb") as stream:
        np.savez(stream, **{"module.weight": np.ones((2, 3), np.float32)})
    return tmp_path


@pytest.mark.parametrize("name", ["Net", "build"])
@pytest.mark.parametrize("weights", ["net.pt", "whole.pth", "parallel.pt"])
def test_a_module_gets_its_weights_and_is_put_into_eval(fake_torch: Path, name: str, weights: str) -> None:
    options = ReferenceOptions(weights=fake_torch / weights, python=sys.executable)
    found = read_reference(f"{fake_torch}/training.py:{name}", SAMPLES, contract(), options)
    assert found.outputs is not None
    np.testing.assert_array_equal(found.outputs[3][0], [[6, 6, 6]])
    assert "run with torch 0.fake" in found.source
    assert ("whole pickle" in found.source) == (weights == "whole.pth")


def test_logits_become_probabilities_where_the_contract_says_so(fake_torch: Path) -> None:
    options = ReferenceOptions(weights=fake_torch / "net.pt")
    exported = contract(outputs=(TensorSpec("p", "float32", ("batch", 3), low=0.0, high=1.0001),))
    found = read_reference(f"{fake_torch}/training.py:Net", SAMPLES, exported, options)
    assert found.outputs is not None
    np.testing.assert_allclose(found.outputs[3][0], [[1 / 3] * 3], rtol=1e-6)
    assert "softmax added" in found.source


@pytest.mark.parametrize(
    ("name", "weights", "said"),
    [
        (
            "Net",
            "other.pt",
            r"other.pt does not fit the class: 1 weights of the class are not in it \(weight\)",
        ),
        ("Net", "wide.pt", r"weight is \[2, 4\], and the class has \[2, 3\]"),
        ("Needy", "net.pt", "cannot be made without arguments"),
        ("Gone", "net.pt", r"defines no Gone; it defines Needy, Net, build"),
        ("Net", "net.bin", "weights of the kind '.bin' are not read"),
    ],
)
def test_what_does_not_fit_together_is_said(fake_torch: Path, name: str, weights: str, said: str) -> None:
    (fake_torch / "net.bin").write_bytes(b"")
    options = ReferenceOptions(weights=fake_torch / weights)
    with pytest.raises(UsageError, match=said):
        read_reference(f"{fake_torch}/training.py:{name}", SAMPLES, contract(), options)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ("return x[:, 0]", UsageError, r"f gives \[5\] for 'p' from 5 samples"),
        ("return [x, x]", UsageError, "f gives 2 tensors, and the deployed model 1"),
        ("return None", UsageError, "gave no tensor"),
        ("raise KeyError('head')", UsageError, "KeyError: 'head'"),
        ("import os; os.abort()", EngineFailure, "killed by SIGABRT"),
        ("import os; os._exit(3)", EngineFailure, "left no answer"),
        ("import time; time.sleep(60)", EngineFailure, "did not finish within 1 s"),
        ("import not_there_at_all", UsageError, "No module named"),
    ],
)
def test_a_model_that_goes_wrong_is_an_error_and_no_crash(tmp_path: Path, body, error, said) -> None:
    file = training(tmp_path, f"def f(x):\n    {body}\n")
    options = ReferenceOptions(timeout=1.0 if "sleep" in body else 60.0)
    with pytest.raises(error, match=said):
        read_reference(f"{file}:f", SAMPLES, contract(), options)


def test_missing_files_and_interpreters(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        read_reference(f"{tmp_path}/gone.py:Net", SAMPLES, contract())
    file = training(tmp_path, "def f(x):\n    return x\n")
    with pytest.raises(NotFound, match="no weights"):
        read_reference(f"{file}:f", SAMPLES, contract(), ReferenceOptions(weights=tmp_path / "w.pt"))
    with pytest.raises(UsageError, match="cannot be started"):
        read_reference(f"{file}:f", SAMPLES, contract(), ReferenceOptions(python=str(tmp_path / "python")))


def test_samples_that_cannot_be_prepared_have_no_reference(tmp_path: Path) -> None:
    file = training(tmp_path, "def f(x):\n    return x[:, [0, 0, 0]]\n")
    mixed = (SAMPLES[0], Sample("bad", "text"), SAMPLES[2])
    found = read_reference(f"{file}:f", mixed, contract())
    assert found.outputs is not None
    assert [each is not None for each in found.outputs] == [True, False, True]
    with pytest.raises(UsageError, match="no sample can be prepared"):
        read_reference(f"{file}:f", mixed[1:2], contract())
