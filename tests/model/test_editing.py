"""A rewritten model is the same model but for what was named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import NotFound, UnsupportedModel, UsageError
from seatrial.model import Artifact, OperatorEdit, misstate, open_model, operators, rewrite
from seatrial.model.weights import read_parameter
from support import models


def _attribute(name: str, kind: int, field: bytes) -> bytes:
    return models.block(5, models.block(1, name) + field + models.number(20, kind))


def _onnx(folder: Path) -> Path:
    """image -> Conv with pads -> Relu -> Constant added, a subgraph that reads the input, external data."""
    weight = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3)
    pads = _attribute("pads", 7, b"".join(models.number(8, 1) for _ in range(4)))
    auto = _attribute("auto_pad", 3, models.block(4, "NOTSET"))
    constant = models.onnx_tensor("", np.array([1.5, 2.5], np.float32))
    inner = models.block(1, models.onnx_node("Relu", ["image"], ["inner"])) + models.block(2, "body")
    branch = models.block(5, models.block(1, "then_branch") + models.block(6, inner) + models.number(20, 5))
    name = models.block(3, "first")
    unknown = models.block(77, "kept")
    nodes = [
        models.onnx_node("Conv", ["image", "w"], ["c"], extra=name + pads + auto + unknown),
        models.onnx_node("Relu", ["c"], ["r"]),
        models.onnx_node("Constant", [], ["k"], extra=_attribute("value", 4, models.block(5, constant))),
        models.onnx_node("If", ["flag"], ["z"], extra=branch),
        models.onnx_node("Mul", ["r", "k"], ["y"]),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "side").mkdir()
    (folder / "side" / "weights.bin").write_bytes(weight.tobytes())
    path = folder / "net.onnx"
    path.write_bytes(
        models.onnx_model(
            nodes,
            tensors=[
                models.onnx_external("w", weight, location="side/weights.bin", offset=0, length=72),
                models.onnx_tensor("flag", np.array(0, np.int64)),
            ],
            inputs=[models.onnx_value("image", "float32", ["batch", 1, 4, 4])],
            outputs=[models.onnx_value("y", "float32", ["batch", 2, 4, 4])],
            extra=models.block(77, "kept too"),
        )
    )
    return path


def _pdmodel(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return models.write_pdmodel(folder)


MAKERS = {
    "paddle-json": models.write_paddle_json,
    "paddle-pdmodel": _pdmodel,
    "onnx": _onnx,
}


@pytest.fixture(params=sorted(MAKERS))
def artifact(request: pytest.FixtureRequest, tmp_path: Path) -> Artifact:
    return open_model(MAKERS[request.param](tmp_path / "good"))


def same(one: Artifact, other: Artifact, *, but: frozenset[str] = frozenset()) -> bool:
    """Whether two models have the same parameters but for those named."""
    assert [each.name for each in one.parameters] == [each.name for each in other.parameters]
    return all(
        np.array_equal(read_parameter(a), read_parameter(b))
        for a, b in zip(one.parameters, other.parameters, strict=True)
        if a.name not in but
    )


def test_no_edit_is_the_same_model_to_the_last_byte(artifact: Artifact, tmp_path: Path) -> None:
    copy = open_model(rewrite(artifact, tmp_path / "copy"))
    assert copy.digest == artifact.digest
    assert [each.path.name for each in copy.files] == [each.path.name for each in artifact.files]
    assert not list((tmp_path / "copy").rglob("*.part"))


def test_an_edit_that_changes_nothing_goes_through_the_writer_unharmed(
    artifact: Artifact, tmp_path: Path
) -> None:
    plain = (bool, int, float, str)
    edits = [
        OperatorEdit(each.name, {k: v for k, v in each.attributes.items() if isinstance(v, plain)})
        for each in operators(artifact)
        if each.type not in ("Constant", "If")
    ]
    graph = rewrite(artifact, tmp_path / "copy", operators=edits)
    assert operators(open_model(graph)) == operators(artifact)
    if artifact.format != "paddle-json":
        assert graph.read_bytes() == artifact.graph.read_bytes()
    else:
        assert json.loads(graph.read_text()) == json.loads(artifact.graph.read_text())


@given(values=st.lists(st.floats(width=32, allow_nan=False), min_size=6, max_size=6), which=st.integers(0, 9))
@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_tensor_changes_and_nothing_else(
    kind: str, values: list[float], which: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("edit")
    good = open_model(MAKERS[kind](folder / "good"))
    floating = [each for each in good.parameters if each.dtype == "float32"]
    one = floating[which % len(floating)]
    wanted = np.resize(np.array(values, np.float32), one.shape)
    before = {each.path: each.path.read_bytes() for each in good.files}
    copy = open_model(rewrite(good, folder / "copy", tensors={one.name: wanted}))
    found = next(each for each in copy.parameters if each.name == one.name)
    assert np.array_equal(read_parameter(found), wanted)
    assert same(good, copy, but=frozenset({one.name}))
    assert operators(copy) == operators(good) or one.name == "k"
    assert {each.path: each.path.read_bytes() for each in good.files} == before


def test_an_input_is_renamed_wherever_it_is_read(artifact: Artifact, tmp_path: Path) -> None:
    old = artifact.inputs[0].name
    copy = open_model(rewrite(artifact, tmp_path / "copy", rename_inputs={old: "renamed"}))
    assert copy.inputs[0].name == "renamed"
    assert copy.inputs[0].shape == artifact.inputs[0].shape
    for before, after in zip(operators(artifact), operators(copy), strict=True):
        assert after.inputs == tuple("renamed" if each == old else each for each in before.inputs)
    assert any("renamed" in each.inputs for each in operators(copy))
    assert not copy.problems


def test_an_input_gets_another_shape(artifact: Artifact, tmp_path: Path) -> None:
    spec = artifact.inputs[0]
    shape = (7, None, *spec.shape[2:])
    copy = open_model(rewrite(artifact, tmp_path / "copy", input_shapes={spec.name: shape}))
    assert copy.inputs[0].shape == shape
    assert operators(copy) == operators(artifact)
    assert same(artifact, copy)


EDITS: list[tuple[str, str, dict[str, Any]]] = [
    ("paddle-json", "batch_norm_:1", {"is_test": False, "epsilon": 0.5}),
    ("paddle-json", "conv2d:0", {"groups": 2, "data_format": "NHWC"}),
    ("paddle-pdmodel", "relu:1", {"slope": 0.5, "axis": 3, "mode": "fast", "on": True}),
    ("paddle-pdmodel", "matmul_v2:0", {"shape": (1, -2), "scales": (0.5, 2.0), "names": ("a", "b")}),
    ("onnx", "first", {"pads": (0, 1, 0, 1), "auto_pad": "VALID", "group": 2}),
    ("onnx", "Relu:1", {"alpha": 0.5, "axes": (1, 2), "names": ("a",), "values": (0.5, 1.5)}),
    ("onnx", "Constant:2", {"value": (3.0, 4.0)}),
]


@pytest.mark.parametrize(("kind", "name", "attributes"), EDITS)
def test_attributes_are_changed_and_added(
    kind: str, name: str, attributes: dict[str, Any], tmp_path: Path
) -> None:
    good = open_model(MAKERS[kind](tmp_path / "good"))
    copy = open_model(rewrite(good, tmp_path / "copy", operators=[OperatorEdit(name, attributes)]))
    for before, after in zip(operators(good), operators(copy), strict=True):
        changed = attributes if before.name == name else {}
        assert dict(after.attributes) == {**before.attributes, **changed}
        assert (after.type, after.inputs, after.outputs) == (before.type, before.inputs, before.outputs)
    assert same(good, copy, but=frozenset({"k"}))


def test_an_operator_becomes_another_and_loses_an_attribute(tmp_path: Path) -> None:
    good = open_model(_onnx(tmp_path / "good"))
    edit = OperatorEdit("first", {"pads": None}, "com.example.Other")
    copy = open_model(rewrite(good, tmp_path / "copy", operators=[edit]))
    found = operators(copy)[0]
    assert found.type == "com.example.Other"
    assert dict(found.attributes) == {"auto_pad": "NOTSET"}
    assert b"kept" in copy.graph.read_bytes()


def test_a_node_inside_a_branch_is_reached(tmp_path: Path) -> None:
    good = open_model(_onnx(tmp_path / "good"))
    inner = next(each for each in operators(good) if each.scope)
    edit = OperatorEdit(inner.name, {}, "Sigmoid")
    copy = open_model(rewrite(good, tmp_path / "copy", operators=[edit]))
    assert [each.type for each in operators(copy)] == ["Conv", "Relu", "Constant", "If", "Sigmoid", "Mul"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tensors": {"nobody": np.zeros(1)}}, "no parameter 'nobody'"),
        ({"operators": [OperatorEdit("nobody", {})]}, "no operator 'nobody'"),
        ({"rename_inputs": {"nobody": "x"}}, "no input 'nobody'"),
        ({"input_shapes": {"nobody": (1,)}}, "no input 'nobody'"),
    ],
)
def test_what_is_not_there_is_named(
    artifact: Artifact, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as error:
        rewrite(artifact, tmp_path / "copy", **options)
    assert error.value.hint


def test_a_value_of_another_kind_is_refused(tmp_path: Path) -> None:
    graph = open_model(models.write_paddle_json(tmp_path / "json"))
    net = open_model(_onnx(tmp_path / "onnx"))
    refused: list[tuple[Artifact, str, dict[str, Any]]] = [
        (graph, "conv2d:0", {"groups": "two"}),
        (graph, "conv2d:0", {"groups": 1.5}),
        (net, "first", {"pads": ("a",)}),
        (net, "first", {"auto_pad": 1}),
        (net, "first", {"new": ()}),
        (net, "Constant:2", {"value": (1.0,)}),
        (net, "If:3", {"then_branch": 1}),
    ]
    for artifact, name, attributes in refused:
        with pytest.raises(UsageError, match="cannot become"):
            rewrite(artifact, tmp_path / "copy", operators=[OperatorEdit(name, attributes)])


def test_a_shape_a_name_and_a_place_that_cannot_be_are_refused(artifact: Artifact, tmp_path: Path) -> None:
    one = artifact.parameters[0]
    with pytest.raises(UsageError, match="the new values"):
        rewrite(artifact, tmp_path / "copy", tensors={one.name: np.zeros((*one.shape, 2))})
    taken = next(each.outputs[0] for each in operators(artifact))
    with pytest.raises(UsageError, match="cannot be named"):
        rewrite(artifact, tmp_path / "copy", rename_inputs={artifact.inputs[0].name: taken})
    with pytest.raises(UsageError, match="would overwrite"):
        rewrite(artifact, artifact.graph.parent)
    name = operators(artifact)[0].name
    with pytest.raises(UsageError, match="edited twice"):
        rewrite(artifact, tmp_path / "copy", operators=[OperatorEdit(name), OperatorEdit(name)])
    with pytest.raises(UsageError, match="cannot have the shape"):
        rewrite(artifact, tmp_path / "copy", input_shapes={artifact.inputs[0].name: (-1,)})


def test_a_format_without_a_writer_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "good" / "net.xml"
    path.parent.mkdir()
    path.write_text(models.openvino())
    path.with_suffix(".bin").write_bytes(np.ones((3, 2), np.float32).tobytes())
    with pytest.raises(UnsupportedModel, match="openvino") as error:
        rewrite(open_model(path), tmp_path / "copy")
    assert "ONNX" in error.value.hint


def test_half_precision_weights_are_rounded_to_even_and_keep_nan(tmp_path: Path) -> None:
    """Laws of the cast: what is representable comes back, what is between goes to the even neighbour."""
    path = tmp_path / "good" / "half.onnx"
    path.parent.mkdir()
    bits = np.zeros(4, np.uint16)
    tensor = (
        models.number(1, 4) + models.number(2, 16) + models.block(8, "h") + models.block(9, bits.tobytes())
    )
    path.write_bytes(
        models.onnx_model(
            [models.onnx_node("Relu", ["h"], ["y"])],
            tensors=[tensor],
            outputs=[models.onnx_value("y", "float32", [4])],
        )
    )
    wanted = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, np.nan], np.float32)
    copy = open_model(rewrite(open_model(path), tmp_path / "copy", tensors={"h": wanted}))
    got = read_parameter(copy.parameters[0])
    assert got[:3].tolist() == [1.0, 1.0, 1 + 2**-6]
    assert np.isnan(got[3])


def test_a_copy_may_lie_about_itself(artifact: Artifact, tmp_path: Path) -> None:
    future = open_model(misstate(artifact, tmp_path / "future", version=99_000_000))
    assert [each.code for each in future.problems] == ["version-from-the-future"]
    one = next(each for each in artifact.parameters if each.shape)
    shapes = {one.name: (one.shape[0] + 1, *one.shape[1:])}
    lying = open_model(misstate(artifact, tmp_path / "lying", shapes=shapes))
    assert {each.code for each in lying.problems} & {
        "parameter-shape",
        "parameters-truncated",
        "parameters-header",
    }
    short = open_model(misstate(artifact, tmp_path / "short", without=[one.name]))
    assert short.problems or one.name not in {each.name for each in short.parameters}
    assert open_model(artifact.graph).digest == artifact.digest
    with pytest.raises(UsageError, match="no parameter 'nobody'"):
        misstate(artifact, tmp_path / "no", without=["nobody"])


def test_a_model_that_went_away_is_our_error(artifact: Artifact, tmp_path: Path) -> None:
    artifact.graph.unlink()
    with pytest.raises(NotFound):
        rewrite(artifact, tmp_path / "copy")
    assert not list((tmp_path / "copy").rglob("*.part"))
