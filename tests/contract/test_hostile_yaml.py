"""YAML made to hang or exhaust whoever reads it is refused in a moment; honest aliases pass."""

import numpy as np
import pytest

from seatrial.contract import Contract, TensorSpec
from seatrial.contract.labels import inside, read_names
from seatrial.contract.yaml_source import parse
from seatrial.errors import ContractViolation

LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000))


def test_shared_shapes_may_be_written_once():
    assert parse("a: &s [1, 2]\nb: *s\n", "x", aliases=True).data == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "unfold"),
        ("a: &a {b: *a}", "holds itself"),
        (CHAIN, "deeper"),
        ("b: &b {c: 1}\na: {<<: *b}", "a key must be a word"),
    ],
    ids=["laughs", "loop", "chain", "merge"],
)
def test_aliases_that_unfold_without_end_are_refused(text, said):
    with pytest.raises(ContractViolation, match=said):
        parse(text, "x", aliases=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1" + ":1" * 100_000, "digits"),
        ("? 1" + ":1" * 100_000 + "\n: 1", "digits"),
        ("a: 0x" + "f" * 9000, "digits"),
        ("2026-01-01: 1", "a key must be a word"),
        ("".join(f"k{i}: 1\n" for i in range(20_000)) + "k19999: 1", "twice"),
    ],
    ids=["sexagesimal", "key", "hexadecimal", "date", "twice"],
)
def test_what_takes_for_ever_to_read_is_refused(text, said):
    with pytest.raises(ContractViolation, match=said):
        parse(text, "x")


def test_an_output_schema_that_refers_to_itself_is_refused():
    specs = (TensorSpec("x", "float32", (None, 2)),)
    contract = Contract("n", "tensor", specs, specs, output_schema={"$ref": "#"})
    with pytest.raises(ContractViolation, match="without end"):
        contract.answer([np.zeros((1, 2), "float32")], 0, contract.context())


def test_labels_do_not_come_from_a_folder_or_a_device(tmp_path):
    (tmp_path / "labels.txt").mkdir()
    with pytest.raises(ContractViolation, match="no file"):
        read_names(tmp_path / "labels.txt")


def test_labels_are_not_taken_through_a_link_from_elsewhere(tmp_path):
    folder, store = tmp_path / "model", tmp_path / "store"
    for each in (folder, store):
        each.mkdir()
    (store / "blob").write_text("cat\n")
    (folder / "labels.txt").symlink_to(store / "blob")
    (folder / "round.txt").symlink_to("round.txt")
    with pytest.raises(ContractViolation, match="leads out"):
        inside(folder, "labels.txt")
    with pytest.raises(ContractViolation):
        read_names(inside(folder, "round.txt"))
    assert read_names(inside(folder, "labels.txt", store=store)) == ("cat",)
