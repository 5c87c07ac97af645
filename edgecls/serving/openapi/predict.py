"""Pictures in, predictions out."""

from typing import Any

from edgecls.serving.openapi.operations import JSON, array, objects, operation, parameter, ref

__all__ = ["PATHS", "SCHEMAS"]

_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}

SCHEMAS: dict[str, Any] = {
    "LabelScore": objects({"label": {"type": "string"}, "probability": _PROBABILITY}),
    "Prediction": objects(
        {
            "image": {"type": "string", "description": "What the picture is called."},
            "label": {"type": "string", "description": 'The best label, or "unknown".'},
            "known": {"type": "boolean", "description": "Whether the best label is probable enough."},
            "probability": {**_PROBABILITY, "description": "Of the best label."},
            "top": array(ref("LabelScore")),
            "time_ms": {"type": "number", "minimum": 0},
            "explanation": ref("Explanation"),
        },
        optional=["explanation"],
    ),
    "Explanation": objects(
        {
            "label": {"type": "string", "description": "Which label the heat map is about."},
            "method": {"type": "string", "enum": ["class activation", "occlusion"]},
            "resolution": {
                **array({"type": "integer", "minimum": 1}),
                "description": "Rows and columns of places that are told apart; the heat between is interpolated.",
            },
            "png": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"},
        }
    ),
    "Fault": objects(
        {"image": {"type": "string"}, "error": objects({"type": {"type": "string"}, "message": {"type": "string"}})}
    ),
    "Predictions": objects({"predictions": array({"anyOf": [ref("Prediction"), ref("Fault")]})}),
}

_LABEL_ONLY = {"text/plain": {"schema": {"type": "string"}}}
_HEAT_ONLY: dict[str, Any] = {"image/png": {}}
_ONE = {JSON: {"schema": ref("Prediction")}, **_LABEL_ONLY, **_HEAT_ONLY}
_ONE_OR_MORE = {JSON: {"schema": {"oneOf": [ref("Prediction"), ref("Predictions")]}}, **_LABEL_ONLY, **_HEAT_ONLY}

_BY_NAME = parameter(
    "model", "query", "Name of the model; the first one without it.", {"type": "string"}, required=False
)
_MODEL = parameter("model", "path", "Name of the model.", {"type": "string"}, required=True)
_OPTIONS = [
    parameter(
        "top",
        "query",
        "Number of best labels in the answer.",
        {"type": "integer", "minimum": 1, "maximum": 999999, "default": 5},
        required=False,
    ),
    parameter(
        "explain",
        "query",
        "1 for what the answer rests on, as a heat map over the picture; occlusion to find it by covering parts of the "
        "picture even where the model has a class activation, which is slower and finer.",
        {"type": "string", "enum": ["0", "1", "occlusion"], "default": "0"},
        required=False,
    ),
    parameter(
        "label", "query", "With explain: about which label; the best without it.", {"type": "string"}, required=False
    ),
]
_NAME = parameter("name", "path", "What the picture is called; may have slashes.", {"type": "string"}, required=True)

_PICTURES = {
    "required": True,
    "description": "The bytes of a picture (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, PPM), or a form with files.",
    "content": {
        "application/octet-stream": {},
        "image/*": {},
        "multipart/form-data": {
            "schema": objects({"file": array({"type": "string", "contentMediaType": "application/octet-stream"})})
        },
    },
}


def _predict(summary: str, success: dict[str, Any], **more: Any) -> dict[str, Any]:
    return operation(summary, group="predict", success=success, failures=(404, 415, 422), **more)


def _paths(prefix: str, model: dict[str, Any]) -> dict[str, Any]:
    """Describe the addresses below one prefix, where `model` is how requests name the model."""
    options = [model, *_OPTIONS]
    return {
        prefix: {
            "post": _predict("Classify pictures", _ONE_OR_MORE, parameters=options, body=_PICTURES),
        },
        f"{prefix}/{{name}}": {
            "post": _predict("Classify a picture, with its name", _ONE, parameters=[_NAME, *options], body=_PICTURES),
            "get": _predict("Classify a picture in the server's image root", _ONE, parameters=[_NAME, *options]),
        },
    }


PATHS: dict[str, Any] = {**_paths("/predict", _BY_NAME), **_paths("/models/{model}/predict", _MODEL)}
