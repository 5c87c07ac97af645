"""The outermost layer of an ONNX file: the network's bytes and the metadata properties.

An ONNX file is one protobuf message (`ModelProto`, onnx.proto3). Its top level is a flat list of
numbered fields, of which number 14 holds the `metadata_props`, pairs of key and text. Walking that
list needs no protobuf library and copies nothing, so that any machine can read what a model file
says about itself, and tell whether its network was changed, before it hands the file to a runtime.
"""

import hashlib
from collections.abc import Iterator, Mapping

__all__ = [
    "GRAPH",
    "DamagedContainerError",
    "field_header",
    "fields",
    "network_sha256",
    "read_properties",
    "read_varint",
    "with_properties",
]

GRAPH = 7  # field of ModelProto
_METADATA_PROPS = 14  # field of ModelProto
_OPSET_IMPORT = 8  # field of ModelProto
_KEY, _VALUE = 1, 2  # fields of StringStringEntryProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf wire types


class DamagedContainerError(ValueError):
    """The bytes are not a whole ONNX file; the message says in what way."""


def read_properties(model: bytes) -> dict[str, str]:
    """Return the metadata properties of an ONNX file.

    Raises:
        DamagedContainerError: The bytes are no ONNX file, or not all of one.
    """
    view = memoryview(model)
    properties = {}
    missing = {GRAPH, _OPSET_IMPORT}
    for number, _, body, end in fields(view):
        if number == _METADATA_PROPS:
            key, value = _read_entry(view[body:end])
            properties[key] = value
        missing.discard(number)
    if GRAPH in missing:
        raise DamagedContainerError("it holds no network")
    if missing:  # what follows the network was lost; every field that is left is whole
        raise DamagedContainerError("it is cut short")
    return properties


def network_sha256(model: bytes) -> str:
    """Return the SHA-256, in hex, of everything in an ONNX file but its metadata properties.

    Raises:
        DamagedContainerError: The bytes are no ONNX file, or not all of one.
    """
    view = memoryview(model)
    digest = hashlib.sha256()
    for number, start, _, end in fields(view):
        if number != _METADATA_PROPS:
            digest.update(view[start:end])
    return digest.hexdigest()


def with_properties(model: bytes, properties: Mapping[str, str]) -> bytes:
    """Return the ONNX file with these metadata properties set; others it has are kept.

    Raises:
        DamagedContainerError: The bytes are no ONNX file, or not all of one.
    """
    view = memoryview(model)
    kept = [view[start:end] for number, start, _, end in fields(view) if number != _METADATA_PROPS]
    merged = {**read_properties(model), **properties}
    return b"".join([*kept, *(_write_entry(key, value) for key, value in merged.items())])


def fields(message: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, first byte, first byte of the body and end of every field of a protobuf message.

    Raises:
        DamagedContainerError: The bytes are no such message, or not all of one.
    """
    position = 0
    while position < len(message):
        start = position
        tag, position = read_varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        body = position
        if wire_type == _VARINT:
            _, position = read_varint(message, position)
        elif wire_type == _FIXED64:
            position += 8
        elif wire_type == _FIXED32:
            position += 4
        elif wire_type == _BYTES:
            length, body = read_varint(message, position)
            position = body + length
        else:
            raise DamagedContainerError("it is not an ONNX file")
        if number == 0:
            raise DamagedContainerError("it is not an ONNX file")
        if position > len(message):
            raise DamagedContainerError("it is cut short")
        yield number, start, body, position


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the number that begins at a position of a protobuf message, and the position after it.

    Raises:
        DamagedContainerError: There is no whole number.
    """
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise DamagedContainerError("it is cut short")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise DamagedContainerError("it is not an ONNX file")


def _read_entry(entry: memoryview) -> tuple[str, str]:
    texts = {_KEY: "", _VALUE: ""}
    for number, _, body, end in fields(entry):
        if number in texts:
            try:
                texts[number] = str(entry[body:end], "utf-8")
            except UnicodeDecodeError as error:
                raise DamagedContainerError("its metadata is not UTF-8 text") from error
    return texts[_KEY], texts[_VALUE]


def _write_entry(key: str, value: str) -> bytes:
    body = _write_bytes(_KEY, key.encode()) + _write_bytes(_VALUE, value.encode())
    return _write_bytes(_METADATA_PROPS, body)


def _write_bytes(number: int, body: bytes) -> bytes:
    return field_header(number, len(body)) + body


def field_header(number: int, length: int) -> bytes:
    """Return what stands before the body of a field of bytes, which is `length` bytes long."""
    return _write_varint(number << 3 | _BYTES) + _write_varint(length)


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
