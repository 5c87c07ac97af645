"""The Open Inference Protocol: health, metadata, statistics and inference."""

from typing import Any

from edgecls.serving.openapi.operations import (
    JSON,
    array,
    json_content,
    objects,
    operation,
    parameter,
    ref,
)

__all__ = ["MODEL_NAME", "PATHS", "SCHEMAS", "protocol_operation"]

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_SHAPE = array({"type": "integer"})
_BINARY = "application/octet-stream"
_GREEN_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVQI12NgOMEAAAGUAMmQO4K0AAAAAElFTkSuQmCC"  # PNG in Base64
)

MODEL_NAME = parameter("name", "path", "Name of the model.", _TEXT, required=True)
_VERSION = parameter("version", "path", 'Version of the model; there is only "1".', _TEXT, required=True)

_PARAMETERS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_TENSOR = objects({"name": _TEXT, "datatype": _TEXT, "shape": _SHAPE})
_DURATION = objects({"count": _COUNT, "ns": _COUNT})
_STAGES = dict.fromkeys(("compute_input", "compute_infer", "compute_output"), ref("Duration"))

SCHEMAS: dict[str, Any] = {
    "ProtocolError": objects({"error": {"type": "string", "description": "What happened, and what to do."}}),
    "ServerMetadata": objects({"name": _TEXT, "version": _TEXT, "extensions": array(_TEXT)}),
    "ServerHealth": objects({"name": _TEXT, "live": {"const": True}, "ready": {"const": True}}, optional=["ready"]),
    "ModelReady": objects({"name": _TEXT, "ready": {"const": True}}),
    "ModelMetadata": objects(
        {
            "name": _TEXT,
            "versions": array(_TEXT),
            "platform": _TEXT,
            "inputs": array(_TENSOR),
            "outputs": array(_TENSOR),
        }
    ),
    "ModelConfig": objects({"name": _TEXT, "max_batch_size": _COUNT, "input": array({}), "output": array({})}),
    "Duration": _DURATION,
    "Statistics": objects(
        {
            "model_stats": array(
                objects(
                    {
                        "name": _TEXT,
                        "version": _TEXT,
                        "last_inference": _COUNT,
                        "inference_count": _COUNT,
                        "execution_count": _COUNT,
                        "inference_stats": objects(
                            dict.fromkeys(("success", "fail", "queue"), ref("Duration")) | _STAGES
                        ),
                        "batch_stats": array(objects({"batch_size": _COUNT} | _STAGES)),
                    }
                )
            )
        }
    ),
    "InferenceRequest": objects(
        {
            "id": {"type": "string", "description": "Comes back in the answer."},
            "parameters": {
                "type": "object",
                "properties": {
                    "binary_data_output": {"type": "boolean", "description": "Whether outputs are binary data."}
                },
            },
            "inputs": {
                **array(
                    objects(
                        {
                            "name": {"const": "image"},
                            "datatype": {
                                "enum": ["UINT8", "BYTES"],
                                "description": "Pixels at the model's size, or encoded pictures.",
                            },
                            "shape": {**array({"type": "integer", "minimum": 1}), "minItems": 1},
                            "parameters": {
                                "type": "object",
                                "properties": {"binary_data_size": {"type": "integer", "minimum": 1}},
                            },
                            "data": {
                                "type": "array",
                                "description": "Numbers from 0 to 255, or pictures in Base64; not for binary data.",
                            },
                        },
                        optional=["parameters", "data"],
                    )
                ),
                "minItems": 1,
                "maxItems": 1,
            },
            "outputs": {
                **array(
                    objects(
                        {
                            "name": {"enum": ["probabilities", "label"]},
                            "parameters": {
                                "type": "object",
                                "properties": {
                                    "binary_data": {"type": "boolean", "description": "Whether it is binary data."},
                                    "classification": {
                                        "type": "integer",
                                        "minimum": 1,
                                        "description": "So many best classes instead of the numbers.",
                                    },
                                },
                            },
                        },
                        optional=["parameters"],
                    )
                ),
                "maxItems": 16,
            },
        },
        optional=["id", "parameters", "outputs"],
    ),
    "InferenceResponse": objects(
        {
            "model_name": _TEXT,
            "model_version": _TEXT,
            "id": _TEXT,
            "outputs": array(
                objects(
                    {"name": _TEXT, "datatype": _TEXT, "shape": _SHAPE, "data": {"type": "array"}}
                    | {"parameters": _PARAMETERS},
                    optional=["parameters", "data"],
                )
            ),
        }
    ),
}


def protocol_operation(summary: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Describe an operation of the protocol with its shape of errors; `schema` is that of the answer."""
    return operation(
        summary, group="Open Inference Protocol", success=json_content(schema), error="ProtocolError", **more
    )


def _of_model(path: str, method: str, summary: str, schema: str, **more: Any) -> dict[str, Any]:
    """Describe an address of a model, with and without a version in it."""
    arguments = more.pop("parameters", [])
    failures = (404, *more.pop("failures", ()))
    plain, versioned = (
        protocol_operation(summary, ref(schema), failures=failures, parameters=[*named, *arguments], **more)
        for named in ([MODEL_NAME], [MODEL_NAME, _VERSION])
    )
    return {
        f"/v2/models/{{name}}{path}": {method: plain},
        f"/v2/models/{{name}}/versions/{{version}}{path}": {method: versioned},
    }


def _infer() -> dict[str, Any]:
    header = parameter(
        "Inference-Header-Content-Length",
        "header",
        "Length of the JSON where binary data follow it; 0 where the whole body is the input.",
        {"type": "integer", "minimum": 0},
        required=False,
    )
    example = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [_GREEN_PIXEL]}]}
    body = {
        "required": True,
        "content": {JSON: {"schema": ref("InferenceRequest"), "example": example}, _BINARY: {}},
    }
    described = _of_model(
        "/infer",
        "post",
        "Classify pictures",
        "InferenceResponse",
        failures=(415, 501),
        parameters=[header],
        body=body,
    )
    for item in described.values():
        item["post"]["responses"]["200"]["content"][_BINARY] = {}
    return described


PATHS: dict[str, Any] = {
    "/v2": {"get": protocol_operation("The server", ref("ServerMetadata"))},
    "/v2/health/live": {"get": protocol_operation("Is the process alive?", ref("ServerHealth"))},
    "/v2/health/ready": {"get": protocol_operation("Are all models loaded and proved?", ref("ServerHealth"))},
    "/v2/models/stats": {"get": protocol_operation("Statistics of all models", ref("Statistics"))},
    **_of_model("", "get", "A model's tensors", "ModelMetadata"),
    **_of_model("/config", "get", "A model in the words of Triton", "ModelConfig"),
    **_of_model("/ready", "get", "Is a model ready?", "ModelReady"),
    **_of_model("/stats", "get", "Statistics of a model", "Statistics"),
    **_infer(),
}
