"""The messages of the gRPC front are those of the published protocol, number by number."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from tritonclient.grpc import model_config_pb2, service_pb2

from seatrial.serve.rpc.schema import parsed, schema

PUBLISHED = {
    **service_pb2.DESCRIPTOR.message_types_by_name,
    **model_config_pb2.DESCRIPTOR.message_types_by_name,
}


def told(field: FieldDescriptor) -> tuple[Any, ...]:
    """What a field is on the wire."""
    kind = field.message_type or field.enum_type
    oneof = field.containing_oneof
    # One that is alone in our part of a oneof is a plain field on the wire.
    return (field.number, field.type, field.is_repeated, kind and kind.full_name, oneof and oneof.name)


@pytest.mark.parametrize("name", sorted(schema("inference").messages))
def test_every_field_has_the_published_number_and_type(name: str) -> None:
    first, *rest = name.split(".")
    theirs = PUBLISHED[first]
    for each in rest:
        theirs = theirs.nested_types_by_name[each]
    ours = schema("inference").messages[name].DESCRIPTOR
    for field in ours.fields:
        published = told(theirs.fields_by_name[field.name])
        if field.name == "dynamic_batching":  # the only one of its oneof that this server has
            published = (*published[:-1], None)
        assert told(field) == published, field.name


def test_every_value_of_an_enum_has_the_published_number() -> None:
    ours = schema("inference").messages["ModelInput"].DESCRIPTOR.fields_by_name["data_type"].enum_type
    theirs = model_config_pb2.DataType.DESCRIPTOR
    for value in ours.values:
        assert theirs.values_by_name[value.name].number == value.number


def test_every_method_takes_and_gives_the_published_messages() -> None:
    service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    assert schema("inference").service == service.full_name
    for name, method in schema("inference").methods.items():
        theirs = service.methods_by_name[name]
        assert method.request.DESCRIPTOR.full_name == theirs.input_type.full_name
        assert method.response.DESCRIPTOR.full_name == theirs.output_type.full_name
        assert method.streams == theirs.client_streaming == theirs.server_streaming


def test_bytes_of_one_are_read_by_the_other() -> None:
    theirs = service_pb2.ModelInferRequest(model_name="m", id="7", raw_input_contents=[b"1234"])
    tensor = theirs.inputs.add(name="x", datatype="FP32", shape=[1, -1])
    tensor.contents.bytes_contents.append(b"z")
    theirs.parameters["timeout"].int64_param = -5
    ours = schema("inference").messages["ModelInferRequest"].FromString(theirs.SerializeToString())
    assert (ours.id, ours.inputs[0].shape[1], ours.raw_input_contents[0]) == ("7", -1, b"1234")
    assert ours.parameters["timeout"].WhichOneof("parameter_choice") == "int64_param"
    assert service_pb2.ModelInferRequest.FromString(ours.SerializeToString(deterministic=True)) == theirs


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('import "x.proto";', "'import' is not read here"),
        ("message A { B b = 1; }", "there is no 'B'"),
        ("message A { int32 b 1; }", "'1' where '=' was expected"),
        ("service S { rpc F(stream A) returns (B); }", "F is of a kind"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parsed(f'syntax = "proto3"; package p; {text}', "odd")
