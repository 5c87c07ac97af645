"""Reading an ONNX file of another program with all its weights, and determining its input."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from edgecls import onnx_container
from edgecls.errors import ExportError
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.surgery import all_graphs
from edgecls.modelfile import DOCUMENT_KEY
from edgecls.regular_file import read_regular

__all__ = ["ForeignFile", "read_foreign_file"]

MIN_OPSET = 7  # since then operators broadcast as they do today; onnxruntime promises no older ones
MAX_MEGABYTES = 2000  # protobuf ends at 2 GiB, and the model file keeps its weights inside


@dataclass(frozen=True)
class ForeignFile:
    """A network with one image as its input.

    Attributes:
        name: The path, for messages.
        onnx: The file as onnxruntime takes it, unchanged except that weights from other files are included, and
            that maps from labels to scores (ZipMap) are replaced by the scores.
        proto: The same, parsed (an onnx.ModelProto); not to be changed.
        input_name: Of its only input.
        element_type: "float32", "float16", "uint8" or "int8".
        shape: The four dimensions of the input; None where any size is taken.
        labels: Those that it names its outputs with, if it does.
    """

    name: str
    onnx: bytes
    proto: Any
    input_name: str
    element_type: str
    shape: tuple[int | None, int | None, int | None, int | None]
    labels: tuple[str, ...] | None = None

    @property
    def producer(self) -> str:
        """What made the file, if it says so."""
        name = f"{self.proto.producer_name} {self.proto.producer_version}"
        return " ".join("".join(char if char.isprintable() else " " for char in name).split())


def read_foreign_file(path: Path) -> ForeignFile:
    """Read an ONNX classifier with its weights.

    Raises:
        ExportError: It cannot be read, is damaged, describes itself already, or takes no single image.
        MissingExtraError: The package onnx is not installed.
    """
    name = str(path)
    onnx, proto = _read(path)
    if not any(entry.domain in ("", "ai.onnx") and entry.version >= MIN_OPSET for entry in proto.opset_import):
        raise ExportError(
            f"cannot adopt {name!r}: it is written in operators older than opset {MIN_OPSET}; bring it up with "
            "onnx.version_converter.convert_version(model, 13)"
        )
    graph = proto.graph
    has_maps, labels = _open_maps(graph)
    if has_maps:
        onnx = proto.SerializeToString()
    weights = {tensor.name for tensor in graph.initializer} | {
        tensor.values.name for tensor in graph.sparse_initializer
    }
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(repr(value.name) for value in inputs) or "none"
        raise ExportError(f"cannot adopt {name!r}: a classifier has one input, this network has {len(inputs)}: {names}")
    (taken,) = inputs
    types = {1: "float32", 2: "uint8", 3: "int8", 10: "float16"}  # numbers of onnx.TensorProto
    tensor_type = taken.type.tensor_type
    rank = len(tensor_type.shape.dim) if tensor_type.HasField("shape") else None
    if tensor_type.elem_type not in types or rank != 4:
        raise ExportError(
            f"cannot adopt {name!r}: its input {taken.name!r} must be a batch of images with 4 dimensions, float32, "
            f"float16, uint8 or int8; it is of element type {_type_name(tensor_type.elem_type)} with "
            f"{'no stated' if rank is None else rank} dimensions"
        )
    dims = [dim.dim_value if dim.WhichOneof("value") == "dim_value" else 0 for dim in tensor_type.shape.dim]
    batch, first, second, third = (dim if dim > 0 else None for dim in dims)
    return ForeignFile(
        name, onnx, proto, taken.name, types[tensor_type.elem_type], (batch, first, second, third), labels
    )


def _open_maps(graph: Any) -> tuple[bool, tuple[str, ...] | None]:
    """Make the scores outputs where a graph ends in maps from labels to scores, as Custom Vision and skl2onnx write.

    Returns:
        Whether there were any, and the labels in them.
    """
    package = load_onnx_package()
    makers = {name: node for node in graph.node if node.op_type == "ZipMap" for name in node.output}
    mapped = [output.name for output in graph.output if output.name in makers]
    labels: tuple[str, ...] | None = None
    for name in mapped:
        node = makers[name]
        for attribute in node.attribute:
            if attribute.name == "classlabels_strings":
                labels = tuple(label.decode("utf-8", "replace").strip() for label in attribute.strings)
        others = {output.name for output in graph.output} - {name}
        index = next(index for index, output in enumerate(graph.output) if output.name == name)
        del graph.output[index]
        if node.input[0] not in others:
            graph.output.append(package.helper.make_tensor_value_info(node.input[0], package.TensorProto.FLOAT, None))
        graph.node.remove(node)
    return bool(mapped), labels


def _read(path: Path) -> tuple[bytes, Any]:
    name = str(path)
    package = load_onnx_package()
    try:
        onnx = read_regular(path)
        properties = onnx_container.read_properties(onnx)
    except OSError as error:
        raise ExportError(f"cannot read {name!r}: {error.strerror or error}; give an .onnx file") from error
    except onnx_container.DamagedContainerError as error:
        raise ExportError(f"cannot adopt {name!r}: {error}; get a fresh copy of the .onnx file") from error
    if DOCUMENT_KEY in properties:
        raise ExportError(f"{name!r} describes itself already: it is a model file as it is, there is nothing to adopt")
    protobuf_error: type[Exception] = load_onnx_package("google.protobuf.message").Error
    try:
        proto = package.load_model_from_string(onnx)
    except (protobuf_error, ValueError) as error:
        raise ExportError(f"cannot adopt {name!r}: it is not an ONNX file, or damaged; get a fresh copy") from error
    external = _external_files(package, proto)
    if not external:
        return onnx, proto
    try:
        total = len(onnx) + sum((path.parent / location).stat().st_size for location in external)
        if total > MAX_MEGABYTES * 10**6:
            raise ExportError(
                f"cannot adopt {name!r}: with its weights it has {total / 1e6:.0f} MB, "
                f"one ONNX file holds at most {MAX_MEGABYTES} MB"
            )
        package.load_external_data_for_model(proto, str(path.parent))
        return proto.SerializeToString(), proto
    except (OSError, ValueError, RuntimeError, protobuf_error, package.checker.ValidationError) as error:
        raise ExportError(
            f"cannot adopt {name!r}: its weights in {', '.join(map(repr, sorted(external)))} cannot be read "
            f"({' '.join(str(error).split())}); keep the files together as they were exported"
        ) from error


def _external_files(package: ModuleType, proto: Any) -> set[str]:
    """Return the locations of weights that are outside the file."""
    return {
        entry.value
        for tensor in _tensors(proto.graph)
        if package.external_data_helper.uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }


def _tensors(graph: Any) -> Iterator[Any]:
    for one in all_graphs(graph):
        yield from one.initializer
        for node in one.node:
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors)


def _type_name(number: int) -> str:
    known = load_onnx_package().TensorProto.DataType
    return str(known.Name(number)).lower() if number in known.values() else f"number {number}"
