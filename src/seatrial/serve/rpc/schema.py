"""The messages of the protocol, made from the `.proto` files that lie here: no compiler, no generated code.

They live in a descriptor pool of their own. In the common one they would clash with those of every other
client or server of the same protocol in the process: all of them define `inference.ModelInferRequest`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

_COMMENT = re.compile(r"//[^\n]*")
_WORD = re.compile(r'"[^"]*"|[\w.]+|[^\s\w.]')
_SCALARS = {name.removeprefix("TYPE_").lower(): number for name, number in FieldDescriptorProto.Type.items()}
_OPTIONAL, _REPEATED = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED


@dataclass(frozen=True)
class Method:
    """One method of a service.

    Attributes:
        name: Such as `ModelInfer`.
        request: The class of what comes in.
        response: The class of what goes out.
        streams: Whether both are streams.
    """

    name: str
    request: Any
    response: Any
    streams: bool


@dataclass(frozen=True)
class Schema:
    """One `.proto` file.

    Attributes:
        service: Full name of its service.
        methods: By name.
        messages: Classes by name without the package, `ModelInferRequest.InferInputTensor`.
    """

    service: str
    methods: dict[str, Method]
    messages: dict[str, Any]


@cache
def schema(name: str) -> Schema:
    """What `<name>.proto` in this folder declares."""
    file = parsed((files(__package__) / f"{name}.proto").read_text("utf-8"), name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    prefix = file.package + "."
    messages = {
        each: message_factory.GetMessageClass(pool.FindMessageTypeByName(prefix + each))
        for each in _names(file.message_type)
    }
    (service,) = file.service
    methods = {
        each.name: Method(
            each.name,
            messages[each.input_type.removeprefix("." + prefix)],
            messages[each.output_type.removeprefix("." + prefix)],
            each.client_streaming,
        )
        for each in service.method
    }
    return Schema(prefix + service.name, methods, messages)


def _names(messages: Any, outer: str = "") -> Iterator[str]:
    for each in messages:
        if not each.options.map_entry:
            yield outer + each.name
            yield from _names(each.nested_type, f"{outer}{each.name}.")


def parsed(text: str, name: str) -> FileDescriptorProto:
    """A descriptor from the part of the proto3 language that the files here use.

    Source: Protocol Buffers, "Language Specification (Proto3)": messages, enums, maps, oneofs and services;
    no imports, no options.

    Raises:
        ValueError: It is something else.
    """
    return _Parser(text, name).file


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self._words = _WORD.findall(_COMMENT.sub("", text))
        self._place = 0
        self.file = FileDescriptorProto(name=f"seatrial/{name}.proto", syntax="proto3")
        self._known: set[str] = set()
        self._unresolved: list[tuple[FieldDescriptorProto, str]] = []
        parts: dict[str, Callable[[], None]] = {
            "syntax": lambda: self._expect("=", '"proto3"', ";"),
            "package": self._package,
            "message": lambda: self._message(self.file.message_type.add(), f".{self.file.package}"),
            "enum": lambda: self._enum(self.file.enum_type.add(), f".{self.file.package}"),
            "service": self._service,
        }
        while self._place < len(self._words):
            word = self._next()
            if word not in parts:
                raise ValueError(f"{name}.proto: '{word}' is not read here")
            parts[word]()
        for field, scope in self._unresolved:
            self._resolve(field, scope)

    def _next(self) -> str:
        self._place += 1
        word: str = self._words[self._place - 1]
        return word

    def _expect(self, *words: str) -> None:
        for word in words:
            found = self._next()
            if found != word:
                raise ValueError(f"{self.file.name}: '{found}' where '{word}' was expected")

    def _inside(self) -> Iterator[str]:
        """The first words of what stands between braces, until they close."""
        self._expect("{")
        while (word := self._next()) != "}":
            yield word

    def _package(self) -> None:
        self.file.package = self._next()
        self._expect(";")

    def _service(self) -> None:
        service = self.file.service.add(name=self._next())
        for word in self._inside():
            method = service.method.add(name=self._next())
            method.client_streaming, method.input_type = self._stream()
            self._expect("returns")
            method.server_streaming, method.output_type = self._stream()
            self._expect(";")
            if word != "rpc" or method.client_streaming != method.server_streaming:
                raise ValueError(f"{self.file.name}: {method.name} is of a kind that is not read here")

    def _stream(self) -> tuple[bool, str]:
        self._expect("(")
        word = self._next()
        streams = word == "stream"
        kind = self._next() if streams else word
        self._expect(")")
        return streams, f".{self.file.package}.{kind}"

    def _enum(self, enum: Any, scope: str) -> None:
        enum.name = self._next()
        self._known.add(f"{scope}.{enum.name}=enum")
        for word in self._inside():
            self._expect("=")
            enum.value.add(name=word, number=int(self._next()))
            self._expect(";")

    def _message(self, message: DescriptorProto, scope: str) -> None:
        message.name = self._next()
        scope = f"{scope}.{message.name}"
        self._known.add(f"{scope}=message")
        for word in self._inside():
            match word:
                case "message":
                    self._message(message.nested_type.add(), scope)
                case "enum":
                    self._enum(message.enum_type.add(), scope)
                case "oneof":
                    message.oneof_decl.add(name=self._next())
                    for kind in self._inside():
                        self._field(message, kind, scope).oneof_index = len(message.oneof_decl) - 1
                case "map":
                    self._map(message, scope)
                case "repeated":
                    self._field(message, self._next(), scope).label = _REPEATED
                case _:
                    self._field(message, word, scope)

    def _field(self, message: DescriptorProto, kind: str, scope: str) -> FieldDescriptorProto:
        field = message.field.add(name=self._next(), label=_OPTIONAL)
        self._expect("=")
        field.number = int(self._next())
        self._expect(";")
        self._typed(field, kind, scope)
        return field

    def _map(self, message: DescriptorProto, scope: str) -> None:
        self._expect("<")
        key = self._next()
        self._expect(",")
        value = self._next()
        self._expect(">")
        name = self._words[self._place]
        entry = message.nested_type.add(name="".join(each.title() for each in name.split("_")) + "Entry")
        entry.options.map_entry = True
        for number, (each, kind) in enumerate((("key", key), ("value", value)), 1):
            self._typed(entry.field.add(name=each, number=number, label=_OPTIONAL), kind, scope)
        self._known.add(f"{scope}.{entry.name}=message")
        self._field(message, entry.name, scope).label = _REPEATED

    def _typed(self, field: FieldDescriptorProto, kind: str, scope: str) -> None:
        if kind in _SCALARS:
            field.type = _SCALARS[kind]
        else:
            field.type_name = kind
            self._unresolved.append((field, scope))

    def _resolve(self, field: FieldDescriptorProto, scope: str) -> None:
        """Names are looked for from the inside out."""
        name = field.type_name
        while scope:
            for kind in ("message", "enum"):
                if f"{scope}.{name}={kind}" in self._known:
                    field.type_name, field.type = f"{scope}.{name}", getattr(field, f"TYPE_{kind.upper()}")
                    return
            scope = scope.rpartition(".")[0]
        raise ValueError(f"{self.file.name}: there is no '{name}'")
