"""The reference shows the messages and methods that the server speaks, as a .proto file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2
from grpc_channel import SERVICE  # skips all of this without edgecls[grpc]

from edgecls.server.grpc.messages import pool

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "grpc.md"


def _proto() -> str:
    file = descriptor_pb2.FileDescriptorProto()
    pool().FindServiceByName(SERVICE).file.CopyToProto(file)
    return "\n".join(_lines(file))


def _lines(file: Any) -> Iterator[str]:
    yield from ('syntax = "proto3";', "", f"package {file.package};", "")
    for service in file.service:
        yield f"service {service.name} {{"
        for method in service.method:
            request, answer = (
                ("stream " if streams else "") + _short(name)
                for name, streams in (
                    (method.input_type, method.client_streaming),
                    (method.output_type, method.server_streaming),
                )
            )
            yield f"  rpc {method.name}({request}) returns ({answer}) {{}}"
        yield "}"
    for message in file.message_type:
        yield ""
        yield from _message(message, "")
    for enum in file.enum_type:
        yield ""
        yield from _enum(enum, "")


def _message(message: Any, indent: str) -> Iterator[str]:
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    within = indent + "  "
    yield f"{indent}message {message.name} {{"
    for enum in message.enum_type:
        yield from _enum(enum, within)
    for nested in message.nested_type:
        if nested.name not in entries:
            yield from _message(nested, within)
    open_choice = None
    for field in message.field:
        choice = field.oneof_index if field.HasField("oneof_index") else None
        if choice != open_choice:
            if open_choice is not None:
                yield f"{within}}}"
            if choice is not None:
                yield f"{within}oneof {message.oneof_decl[choice].name} {{"
            open_choice = choice
        kind = _kind(field)
        repeated = "repeated " if field.label == field.LABEL_REPEATED else ""
        if kind in entries:
            key, value = entries[kind].field
            kind, repeated = f"map<{_kind(key)}, {_kind(value)}>", ""
        yield f"{within}{'' if choice is None else '  '}{repeated}{kind} {field.name} = {field.number};"
    if open_choice is not None:
        yield f"{within}}}"
    yield f"{indent}}}"


def _enum(enum: Any, indent: str) -> Iterator[str]:
    yield f"{indent}enum {enum.name} {{"
    yield from (f"{indent}  {value.name} = {value.number};" for value in enum.value)
    yield f"{indent}}}"


def _kind(field: Any) -> str:
    if field.type_name:
        return _short(field.type_name)
    return descriptor_pb2.FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _short(type_name: str) -> str:
    return type_name.rpartition(".")[2]


def test_the_reference_shows_the_messages_of_the_server() -> None:
    shown = re.search(r"```proto\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), re.DOTALL)

    assert shown is not None
    assert shown[1].splitlines() == _proto().splitlines()
