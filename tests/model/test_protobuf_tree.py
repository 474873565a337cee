"""Messages written again: nothing named, nothing changed; and damage is said, not guessed at."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import ModelError, SeatrialError
from seatrial.model import OperatorEdit, open_model, operators, rewrite
from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats import _wire as wire
from seatrial.model.formats._edit import Changes
from seatrial.model.formats._edit_onnx import edit as edit_onnx
from seatrial.model.formats._edit_pir import edit as edit_pir
from seatrial.model.formats._edit_program import edit as edit_program
from seatrial.model.formats._format import Garbled
from support import models, networks

NUMBERS = st.integers(1, 2**20)
FIELDS = st.one_of(
    st.builds(wire.number, NUMBERS, st.integers(-(2**63), 2**63 - 1)),
    st.builds(wire.block, NUMBERS, st.binary(max_size=40)),
    st.builds(wire.float32, NUMBERS, st.floats(width=32)),
    st.builds(wire.float64, NUMBERS, st.floats()),
)


@given(st.lists(FIELDS))
def test_a_message_that_nobody_changes_is_the_same_bytes(fields: list[bytes]) -> None:
    data = memoryview(b"".join(fields))
    assert wire.changed(data, lambda _: None) == data
    assert [bytes(each.raw) for each in wire.parts(data)] == fields
    assert [(each.number, each.value) for each in wire.parts(data)] == list(protobuf.fields(data))


@given(st.lists(FIELDS, min_size=1), st.data())
def test_one_field_is_replaced_or_taken_out(fields: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(fields) - 1))
    new = data.draw(st.one_of(st.just(b""), FIELDS))
    seen = iter(range(len(fields)))

    def change(_: wire.Part) -> bytes | None:
        return new if next(seen) == place else None

    whole = memoryview(b"".join(fields))
    assert wire.changed(whole, change) == b"".join([*fields[:place], new, *fields[place + 1 :]])


def test_an_overlong_length_inside_an_unchanged_message_survives() -> None:
    """A length may be written with more bytes than it needs; what is not touched is not tidied."""
    odd = b"\x0a\x82\x80\x00\x08\x01"
    (part,) = wire.parts(memoryview(odd))
    assert part.message == b"\x08\x01"
    assert wire.changed(memoryview(odd), lambda each: wire.inside(each, lambda _: None)) == odd


@given(st.binary(max_size=60))
def test_bytes_that_are_no_protobuf_are_said_to_be_none(data: bytes) -> None:
    with suppress(Garbled):
        assert wire.changed(memoryview(data), lambda _: None) == data


@pytest.mark.parametrize(
    ("kind", "edit"), [("paddle-json", edit_pir), ("onnx", edit_onnx), ("paddle-pdmodel", edit_program)]
)
@given(data=st.data())
def test_a_damaged_graph_gives_our_error_or_a_graph(
    kind: str, edit: object, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert callable(edit)
    good = networks.write_network(tmp_path_factory.mktemp("net"), kind).read_bytes()
    start = data.draw(st.integers(0, len(good) - 1))
    bad = good[:start] + data.draw(st.binary(max_size=4)) + good[start + data.draw(st.integers(0, 4)) :]
    changes = Changes({0: OperatorEdit("first", {"groups": 2})}, {"image": "x"}, {"image": (1, None)}, 99)
    with suppress(SeatrialError):
        assert isinstance(edit(bad, changes), bytes)


def test_several_graphs_in_one_file_are_refused() -> None:
    one = models.onnx_network()
    with pytest.raises(ModelError, match="several graphs"):
        edit_onnx(one + one, Changes(version=3))


def test_the_name_of_an_inner_operator_is_its_own_in_a_function(tmp_path: Path) -> None:
    """Functions come after the graph in the count, wherever they stand in the file."""
    function = (
        models.block(1, "Mine")
        + models.block(7, models.onnx_node("Exp", ["x"], ["b"]))
        + models.block(10, "own")
    )
    node = models.onnx_node("Mine", ["x"], ["y"], domain="own")
    body = models.onnx_model([node], inputs=[models.onnx_value("x", "float32", [2])])
    path = tmp_path / "good" / "net.onnx"
    path.parent.mkdir()
    path.write_bytes(models.block(25, function) + body)
    good = open_model(path)
    inner = operators(good)[1]
    assert inner.type == "Exp"
    graph = rewrite(
        good,
        tmp_path / "copy",
        operators=[OperatorEdit(inner.name, {}, "Log")],
        rename_inputs={"x": "data"},
    )
    copy = operators(open_model(graph))
    assert [each.type for each in copy] == ["own.Mine", "Log"]
    assert [each.inputs for each in copy] == [("data",), ("x",)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"#": "1.data", "A"', '"#": "1.data", "B"'),
        ('{"AT": {"#": "0.a_str", "D": "image"}', '{"AT": {"#": "0.a_str"}'),
        ('"TT": {"#": "0.t_dtensor", "D": [{"#": "0.t_f32"}, [-1, 1, 8, 8]', '"TT": {"D": [1], "E": [2'),
    ],
)
def test_an_input_that_is_described_badly_is_our_error(old: str, new: str, tmp_path: Path) -> None:
    text = networks.write_network(tmp_path, "paddle-json").read_text("utf-8")
    assert old in text
    with pytest.raises(Garbled):
        edit_pir(text.replace(old, new).encode(), Changes(names={"image": "x"}, shapes={"image": (1,)}))
