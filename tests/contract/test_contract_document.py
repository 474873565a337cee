"""The contract file: what is written is read back, and what is wrong is named with its line."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import (
    Contract,
    Deployment,
    Pipeline,
    StepCall,
    TensorSpec,
    draft_contract,
    dump_contract,
    fingerprinted,
    load_contract,
    save_contract,
)
from seatrial.contract.contract import TASKS
from seatrial.contract.document import parse_contract
from seatrial.contract.tensor import DTYPES
from seatrial.errors import ContractViolation, NotFound, SeatrialError, UsageError

EXAMPLES = Path(__file__).parents[2] / "examples"

TEXT = """\
schema: seatrial/contract/1
name: digits
task: classification
inputs:
  - {name: image, dtype: float32, shape: [batch, 1, 8, 8], layout: NCHW, low: 0, high: 1}
outputs:
  - {name: p, dtype: float32, shape: [batch, 3]}
preprocess:
  - cast: {dtype: float32}
postprocess:
  - softmax:
  - topk: {k: 2}
labels: [a, b, c]
limits:
  accuracy.minimum: 0.9
"""

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
names = st.lists(words, unique=True, max_size=30).map(tuple)
finite = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)
tensors = st.builds(
    TensorSpec,
    name=words,
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 9999) | words | st.none(), max_size=5).map(tuple),
    layout=st.sampled_from(["", "NCHW", "NT"]),
    low=st.none() | finite,
    high=st.none() | finite,
)
calls = st.sampled_from(
    [
        StepCall("cast", {"dtype": "float32"}),
        StepCall("transpose", {"order": [2, 0, 1]}),
        StepCall("pad", {"axes": [0, 1], "to": [8, 8], "fill": 0.5}),
    ]
)
deployments = st.builds(
    Deployment,
    runtime=words.filter(bool),
    format=words.filter(bool),
    precision=st.sampled_from(["float32", "int8"]),
    threads=st.integers(1, 64),
    max_batch_size=st.integers(1, 64),
    optimize=st.booleans(),
    engine=st.dictionaries(words, words | st.booleans() | finite, max_size=2),
    model=st.sampled_from(["", "sha256:" + "0a" * 32]),
    goal=words,
    machine=words,
    measured=st.dictionaries(words, finite, max_size=2),
)
contracts = st.builds(
    Contract,
    name=words,
    task=st.sampled_from(TASKS),
    inputs=st.lists(tensors, min_size=1, max_size=3).map(tuple),
    outputs=st.lists(tensors, min_size=1, max_size=3).map(tuple),
    preprocess=st.lists(calls, max_size=3).map(lambda each: Pipeline(tuple(each))),
    labels=names,
    vocabulary=names,
    output_schema=st.sampled_from([{}, {"type": "object", "required": ["class"]}]),
    limits=st.dictionaries(words, words | st.booleans() | finite, max_size=3),
    deployment=st.none() | deployments,
    source=st.just("") | words,
)


def parsed(text: str) -> Contract:
    return parse_contract(text, root=Path(), name="contract.yaml")


@given(contracts)
def test_what_is_written_is_read_back(contract: Contract) -> None:
    found = parsed(dump_contract(contract))
    assert found == contract
    assert found.source == contract.source
    assert found.digest() == contract.digest()
    vouched = fingerprinted(contract)
    assert parsed(dump_contract(vouched)) == vouched


@given(contracts, deployments)
def test_how_it_is_deployed_changes_no_digest(contract: Contract, deployment: Deployment) -> None:
    other = replace(contract, deployment=deployment)
    assert other.digest() == contract.digest()
    assert other.preprocess_digest() == contract.preprocess_digest()


@given(st.text(max_size=200) | st.text("[]{}:,-\n &*!|>'\"#a1", max_size=60))
def test_garbage_raises_only_our_errors(text: str) -> None:
    with pytest.raises(SeatrialError):
        parsed(text)


@given(st.integers(0, len(TEXT) - 1), st.sampled_from(list("\0\t[]{}:-&*!x7\n'\"")))
def test_one_wrong_character_raises_only_our_errors(place: int, character: str) -> None:
    with contextlib.suppress(SeatrialError):
        parsed(TEXT[:place] + character + TEXT[place + 1 :])


def test_reads_what_people_write() -> None:
    contract = parsed(TEXT)
    assert contract.inputs[0] == TensorSpec("image", "float32", ("batch", 1, 8, 8), "NCHW", 0, 1)
    assert [call.name for call in contract.postprocess.calls] == ["softmax", "topk"]
    assert contract.limits == {"accuracy.minimum": 0.9}


@pytest.mark.parametrize("name", ["digits/contract", "ppocr/det.contract", "ppocr/cls.contract"])
def test_the_examples_are_contracts(name: str) -> None:
    contract = load_contract(EXAMPLES / f"{name}.yaml")
    assert dump_contract(contract) == (EXAMPLES / f"{name}.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("task: classification", "task: clasification", r"line 3, task: .*not 'clasification'"),
        ("labels: [a, b, c]", "lables: [a, b, c]", r"line 13, lables: there is no field 'lables'"),
        ("dtype: float32, shape: [batch, 1", "type: float32, shape: [batch, 1", r"line 5, inputs.0"),
        ("name: digits", "name: 7", r"line 2, name: input should be a valid string, not 7"),
        ("shape: [batch, 3]", "shape: [batch, 2.5]", r"line 7, outputs.0.shape.1"),
        ("labels: [a, b, c]", "labels: [a, yes, c]", r"line 13, labels.1"),
        ("labels: [a, b, c]", "labels: [a, b, a]", r"line 13, labels: labels: 'a' stands there 2 times"),
        (
            "  - cast: {dtype: float32}",
            "  - cats: {dtype: float32}",
            r"line 9, preprocess.0: there is no step 'cats'",
        ),
        (
            "  - cast: {dtype: float32}",
            "  - cast: {type: float32}",
            r"line 9, preprocess.0: .*no option 'type'",
        ),
        ("  - cast: {dtype: float32}", "  - topk: {k: 1}", r"line 9, .*belongs in postprocess"),
        ("  - softmax:", "  - {softmax: , topk: }", r"line 11, postprocess.0: one step a line"),
        ("name: digits", "name: digits\nname: more", r"line 1: 'name' stands there twice"),
        (
            "schema: seatrial/contract/1",
            "schema: seatrial/contract/9",
            r"line 1, schema: .*seatrial/contract/1",
        ),
        ("high: 1}", "high: .nan}", r"line 5: .nan is no number"),
        ("labels: [a, b, c]", "labels: [2024-01-01]", r"line 13: '2024-01-01' is read as .*timestamp"),
        ("labels: [a, b, c]", "labels: &x [a]\nvocabulary: *x", r"line 14: '\*x' is not allowed"),
        (
            "labels: [a, b, c]",
            "labels: {file: ../keys.txt, sha256: 'sha256:" + 64 * "0" + "'}",
            "contract's own folder",
        ),
        ("labels: [a, b, c]", "labels: {file: keys.txt, sha256: abc}", r"line 13, labels.sha256"),
        ("labels: [a, b, c]", "output_schema: {type: objekt}", r"line 13, output_schema: no JSON Schema"),
        ("limits:\n  accuracy.minimum: 0.9", "limits:\n  accuracy.minimum: [1]", r"line 15, limits.accuracy"),
        ("inputs:\n  - {", "inputs:\n   {", r"line 5, inputs"),
        (
            "limits:",
            "deployment: {runtime: x}\nlimits:",
            r"line 14, deployment.format: this field",
        ),
        (
            "limits:",
            "deployment:\n  runtime: x\n  format: onnx\n  thread: 2\nlimits:",
            r"line 17, deployment.thread: there is no field 'thread'",
        ),
        (
            "limits:",
            "deployment: {runtime: x, format: onnx, threads: 0}\nlimits:",
            r"line 14, deployment.threads: .*greater than or equal to 1",
        ),
        (
            "limits:",
            "deployment: {runtime: x, format: onnx, precision: int4}\nlimits:",
            r"line 14, deployment.precision",
        ),
        (TEXT[-30:], TEXT[-30:] + "x: {", r"line \d+ is no valid YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ContractViolation, match=message):
        parsed(TEXT.replace(old, new, 1))


def test_close_matches_are_offered() -> None:
    with pytest.raises(ContractViolation) as caught:
        parsed(TEXT.replace("labels:", "lables:"))
    assert "labels" in caught.value.hint
    with pytest.raises(ContractViolation) as caught:
        parsed(TEXT.replace("task: classification", "task: clasification"))
    assert "classification" in caught.value.hint


def test_deep_nesting_is_refused_before_it_recurses() -> None:
    with pytest.raises(ContractViolation, match="nested deeper"):
        parsed("[" * 100_000)


def test_a_contract_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_contract(tmp_path / "contract.yaml")
    with pytest.raises(ContractViolation, match="cannot be read"):
        load_contract(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(ContractViolation, match="not UTF-8"):
        load_contract(tmp_path / "latin.yaml")


class TestLabelFiles:
    """F21, F24: a list that was shifted, cut or doubled is noticed."""

    labels = ("blank", " ", "\u3000", "甲", "~", "no")

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        contract = replace(parsed(TEXT), labels=self.labels, files={"labels": "keys.txt"})
        save_contract(contract, tmp_path / "contract.yaml")
        return tmp_path / "contract.yaml"

    def test_a_list_in_a_file_is_read_back(self, path: Path) -> None:
        contract = load_contract(path)
        assert contract.labels == self.labels
        data = path.with_name("keys.txt").read_bytes()
        assert contract.fingerprints["labels"] == "sha256:" + hashlib.sha256(data).hexdigest()
        assert parse_contract(dump_contract(contract), root=path.parent) == contract

    def test_saving_again_changes_nothing(self, path: Path) -> None:
        before = path.read_bytes()
        save_contract(load_contract(path), path)
        assert path.read_bytes() == before

    @pytest.mark.parametrize(
        "lines",
        [labels[1:], labels[:-1], (*labels, "new"), ("x", *labels), labels[::-1], (labels[0], *labels[:-1])],
        ids=["first lost", "last lost", "one more", "shifted", "turned round", "doubled and shifted"],
    )
    def test_a_changed_list_is_refused(self, path: Path, lines: tuple[str, ...]) -> None:
        path.with_name("keys.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        with pytest.raises(ContractViolation, match="labels are not those of this contract"):
            load_contract(path)

    def test_a_missing_fingerprint_comes_with_the_line_to_write(self, path: Path) -> None:
        digest = load_contract(path).fingerprints["labels"]
        text = path.read_text("utf-8")
        path.write_text(text.replace(f", sha256: '{digest}'", ""), "utf-8")
        with pytest.raises(ContractViolation, match=r"labels\.sha256: this field is missing") as caught:
            load_contract(path)
        assert f"write sha256: '{digest}'" in caught.value.hint
        path.write_text(text.replace(digest, "sha256:short"), "utf-8")
        with pytest.raises(ContractViolation) as caught:
            load_contract(path)
        assert f"write sha256: '{digest}'" in caught.value.hint
        path.with_name("keys.txt").unlink()
        with pytest.raises(ContractViolation) as caught:
            load_contract(path)
        assert "64 hex digits" in caught.value.hint

    def test_windows_line_ends_are_the_same_list(self, path: Path) -> None:
        keys = path.with_name("keys.txt")
        keys.write_bytes(keys.read_bytes().replace(b"\n", b"\r\n"))
        assert load_contract(path).labels == self.labels

    def test_a_list_elsewhere(self, path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        other = tmp_path_factory.mktemp("other")
        path.with_name("keys.txt").rename(other / "keys.txt")
        with pytest.raises(ContractViolation, match=r"line \d+, labels: 'keys.txt' cannot be read"):
            load_contract(path)
        assert load_contract(path, root=other).labels == self.labels

    def test_another_list_is_not_overwritten(self, path: Path) -> None:
        with pytest.raises(ContractViolation, match="holds other labels"):
            save_contract(replace(load_contract(path), labels=("other",)), path)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"cat": 0, "dog": 2}', "index 2 .* comes where 1 is missing"),
            ('{"cat": 0, "dog": 0}', "index 0 .* occurs twice"),
            ('{"1": "cat"}', "comes where 0 is missing"),
            ('{"cat": "dog"}', "no pair"),
            ("[1]", "must hold a list of names"),
            ("[", "no JSON"),
        ],
    )
    def test_a_json_map_with_holes_is_refused(self, path: Path, text: str, message: str) -> None:
        path.with_name("keys.json").write_text(text)
        path.write_text(path.read_text("utf-8").replace("keys.txt", "keys.json"), "utf-8")
        with pytest.raises(ContractViolation, match=message):
            load_contract(path)


def test_inline_labels_that_differ_from_their_fingerprint_are_refused() -> None:
    text = dump_contract(fingerprinted(parsed(TEXT)))
    assert "labels: [a, b, c]" in text
    with pytest.raises(ContractViolation, match="labels are not those of this contract"):
        parsed(text.replace("labels: [a, b, c]", "labels: [b, c, a]"))


def test_a_fingerprint_vouches_for_names_that_occur_twice() -> None:
    contract = fingerprinted(replace(parsed(TEXT), labels=("crane", "crane", "owl")))
    assert parsed(dump_contract(contract)).labels == ("crane", "crane", "owl")


def test_nothing_is_left_half_written(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        save_contract(parsed(TEXT), folder / "contract.yaml")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file"]


def test_the_digest_follows_what_changes_answers() -> None:
    contract = parsed(TEXT)
    same = replace(contract, name="other", source="elsewhere", root=Path("/"), limits={})
    assert same.digest() == contract.digest()
    assert replace(contract, labels=("a", "c", "b")).digest() != contract.digest()
    assert replace(contract, preprocess=Pipeline()).preprocess_digest() != contract.preprocess_digest()
    wider = replace(contract.inputs[0], high=255)
    assert replace(contract, inputs=(wider,)).digest() != contract.digest()
    assert replace(contract, inputs=(wider,)).preprocess_digest() == contract.preprocess_digest()


def test_a_draft_gives_the_raw_outputs() -> None:
    contract = draft_contract(
        [TensorSpec("x", "float32", (None, 2))], [TensorSpec("y", "float32", (None, 2))], "m"
    )
    assert parsed(dump_contract(contract)) == contract
    assert contract.task == "tensor"
