"""The messages and the service of the Open Inference Protocol, in a descriptor pool of our own.

Clients of Triton and of KServe bring messages of the same names. In the default pool of protobuf they would clash as
soon as a program that serves also asks another server.
"""

import functools
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

__all__ = ["FILE_NAME", "METHODS", "PACKAGE", "SERVICE", "STREAM", "message_class", "pool"]

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"
FILE_NAME = "edgecls/open_inference.proto"

METHODS = (
    "ServerLive",
    "ServerReady",
    "ModelReady",
    "ServerMetadata",
    "ModelMetadata",
    "ModelInfer",
    "ModelConfig",
    "ModelStatistics",
    "RepositoryIndex",
    "RepositoryModelLoad",
    "RepositoryModelUnload",
)
"""Each takes a message of its name and "Request", and answers with one of its name and "Response"."""

STREAM = "ModelStreamInfer"
"""Triton's: takes any number of messages as ModelInfer does, and answers each with a ModelStreamInferResponse."""

_NAME_AND_VERSION = "1 string name; 2 string version"
_STAGES = "compute_input; {} StatisticDuration compute_infer; {} StatisticDuration compute_output"

# A field is its number, "*" where it is repeated, its type and its name. "map" is a map from text to the type; fields
# from "|" on are alternatives to each other. Numbers and types are those of the protocol's definition.
_PARAMETERS = "map InferParameter parameters"
_MESSAGES: dict[str, str] = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "1 bool live",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "1 bool ready",
    "ModelReadyRequest": _NAME_AND_VERSION,
    "ModelReadyResponse": "1 bool ready",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "1 string name; 2 string version; 3 *string extensions",
    "ModelMetadataRequest": _NAME_AND_VERSION,
    "ModelMetadataResponse": "1 string name; 2 *string versions; 3 string platform; "
    "4 *ModelMetadataResponse.TensorMetadata inputs; 5 *ModelMetadataResponse.TensorMetadata outputs",
    "ModelMetadataResponse.TensorMetadata": "1 string name; 2 string datatype; 3 *int64 shape",
    "InferParameter": "| 1 bool bool_param; 2 int64 int64_param; 3 string string_param; 4 double double_param; "
    "5 uint64 uint64_param",
    "InferTensorContents": "1 *bool bool_contents; 2 *int32 int_contents; 3 *int64 int64_contents; "
    "4 *uint32 uint_contents; 5 *uint64 uint64_contents; 6 *float fp32_contents; 7 *double fp64_contents; "
    "8 *bytes bytes_contents",
    "ModelInferRequest": f"1 string model_name; 2 string model_version; 3 string id; 4 {_PARAMETERS}; "
    "5 *ModelInferRequest.InferInputTensor inputs; 6 *ModelInferRequest.InferRequestedOutputTensor outputs; "
    "7 *bytes raw_input_contents",
    "ModelInferRequest.InferInputTensor": "1 string name; 2 string datatype; 3 *int64 shape; "
    f"4 {_PARAMETERS}; 5 InferTensorContents contents",
    "ModelInferRequest.InferRequestedOutputTensor": f"1 string name; 2 {_PARAMETERS}",
    "ModelInferResponse": f"1 string model_name; 2 string model_version; 3 string id; 4 {_PARAMETERS}; "
    "5 *ModelInferResponse.InferOutputTensor outputs; 6 *bytes raw_output_contents",
    "ModelInferResponse.InferOutputTensor": "1 string name; 2 string datatype; 3 *int64 shape; "
    f"4 {_PARAMETERS}; 5 InferTensorContents contents",
    "ModelStreamInferResponse": "1 string error_message; 2 ModelInferResponse infer_response",
    "ModelConfigRequest": _NAME_AND_VERSION,
    "ModelConfigResponse": "1 ModelConfig config",
    "ModelConfig": "1 string name; 2 string platform; 3 ModelVersionPolicy version_policy; 4 int32 max_batch_size; "
    "5 *ModelInput input; 6 *ModelOutput output; 17 string backend",
    "ModelVersionPolicy": "1 ModelVersionPolicy.Latest latest",
    "ModelVersionPolicy.Latest": "1 uint32 num_versions",
    "ModelInput": "1 string name; 2 DataType data_type; 3 ModelInput.Format format; 4 *int64 dims",
    "ModelOutput": "1 string name; 2 DataType data_type; 3 *int64 dims",
    "ModelStatisticsRequest": _NAME_AND_VERSION,
    "ModelStatisticsResponse": "1 *ModelStatistics model_stats",
    "ModelStatistics": "1 string name; 2 string version; 3 uint64 last_inference; 4 uint64 inference_count; "
    "5 uint64 execution_count; 6 InferStatistics inference_stats; 7 *InferBatchStatistics batch_stats",
    "InferStatistics": "1 StatisticDuration success; 2 StatisticDuration fail; 3 StatisticDuration queue; "
    f"4 StatisticDuration {_STAGES.format(5, 6)}; 7 StatisticDuration cache_hit; 8 StatisticDuration cache_miss",
    "InferBatchStatistics": f"1 uint64 batch_size; 2 StatisticDuration {_STAGES.format(3, 4)}",
    "StatisticDuration": "1 uint64 count; 2 uint64 ns",
    "RepositoryIndexRequest": "1 string repository_name; 2 bool ready",
    "RepositoryIndexResponse": "1 *RepositoryIndexResponse.ModelIndex models",
    "RepositoryIndexResponse.ModelIndex": "1 string name; 2 string version; 3 string state; 4 string reason",
    "ModelRepositoryParameter": "| 1 bool bool_param; 2 int64 int64_param; 3 string string_param; 4 bytes bytes_param",
    # Here Triton and KServe differ: KServe's first field is the name of the model, and its answer tells what was done.
    "RepositoryModelLoadRequest": "1 string repository_name; 2 string model_name; "
    "3 map ModelRepositoryParameter parameters",
    "RepositoryModelLoadResponse": "1 string model_name; 2 bool isLoaded",
    "RepositoryModelUnloadRequest": "1 string repository_name; 2 string model_name; "
    "3 map ModelRepositoryParameter parameters",
    "RepositoryModelUnloadResponse": "1 string model_name; 2 bool isUnloaded",
}
_ENUMS: dict[str, dict[str, int]] = {
    "DataType": {"TYPE_INVALID": 0, "TYPE_UINT8": 2, "TYPE_FP32": 11, "TYPE_STRING": 13},
    "ModelInput.Format": {"FORMAT_NONE": 0, "FORMAT_NHWC": 1},
}

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    name: getattr(_Field, f"TYPE_{name.upper()}")
    for name in ("double", "float", "int64", "uint64", "int32", "bool", "string", "bytes", "uint32")
}


@functools.cache
def pool() -> descriptor_pool.DescriptorPool:
    """Return the pool that has the messages, the service, and that of health."""
    from grpc_health.v1 import health_pb2

    ours = descriptor_pool.DescriptorPool()
    ours.AddSerializedFile(_file().SerializeToString())
    ours.AddSerializedFile(health_pb2.DESCRIPTOR.serialized_pb)  # for reflection, which knows one pool only
    return ours


@functools.cache
def message_class(name: str) -> type[Message]:
    """Return the class of a message, by its name in the package."""
    found: type[Message] = message_factory.GetMessageClass(pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))
    return found


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=FILE_NAME, package=PACKAGE, syntax="proto3")
    made: dict[str, Any] = {}
    for name in sorted(_MESSAGES, key=lambda name: name.count(".")):
        owner, _, own = name.rpartition(".")
        made[name] = (made[owner].nested_type if owner else file.message_type).add(name=own)
        _add_fields(made[name], name, _MESSAGES[name])
    for name, values in _ENUMS.items():
        owner, _, own = name.rpartition(".")
        enum = (made[owner] if owner else file).enum_type.add(name=own)
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    service = file.service.add(name=SERVICE.removeprefix(f"{PACKAGE}."))
    for method in METHODS:
        service.method.add(
            name=method, input_type=f".{PACKAGE}.{method}Request", output_type=f".{PACKAGE}.{method}Response"
        )
    service.method.add(
        name=STREAM,
        input_type=f".{PACKAGE}.ModelInferRequest",
        output_type=f".{PACKAGE}.{STREAM}Response",
        client_streaming=True,
        server_streaming=True,
    )
    return file


def _add_fields(message: descriptor_pb2.DescriptorProto, full_name: str, text: str) -> None:
    if text.startswith("| "):
        message.oneof_decl.add(name="parameter_choice")
    for declaration in filter(None, text.removeprefix("| ").split("; ")):
        number, *kind, name = declaration.split()
        field = message.field.add(name=name, number=int(number), label=_Field.LABEL_OPTIONAL)
        if message.oneof_decl:
            field.oneof_index = 0
        if kind[0] == "map":
            entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_STRING)
            _set_type(entry.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL), kind[1])
            kind = [f"*{full_name}.{entry.name}"]
        if kind[0].startswith("*"):
            field.label = _Field.LABEL_REPEATED
        _set_type(field, kind[0].removeprefix("*"))


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_ENUM if kind in _ENUMS else _Field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
