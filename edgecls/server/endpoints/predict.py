"""`/predict` and `/models/NAME/predict`: images in, predictions out."""

import base64
import re
from typing import TYPE_CHECKING, Any

from bottle import Bottle, HTTPResponse, request

from edgecls.errors import ImageError
from edgecls.runtime.prediction import Prediction
from edgecls.server.dispatch.wsgi import work_of
from edgecls.server.endpoints.answers import data_answer, json_answer, refusal_of, text_answer
from edgecls.server.endpoints.bodies import Upload, read_body, read_uploads
from edgecls.server.endpoints.operations import JSON, array, objects, operation, parameter, ref
from edgecls.server.http.messages import Refusal
from edgecls.server.models.repository import Repository
from edgecls.server.models.served_model import ServedModel
from edgecls.server.storage.image_root import ImageRoot
from edgecls.server.storage.unsure_store import UnsureStore

if TYPE_CHECKING:
    from edgecls.runtime.explanation import Explanation

__all__ = ["PATHS", "SCHEMAS", "PredictRoutes"]

DEFAULT_TOP = 5
RAW_BODY_NAME = "body"  # what an image without a name is called in its answer


class PredictRoutes:
    """The addresses under /predict, and under /models/NAME/predict, where NAME is the model's.

    Args:
        repository: The models.
        image_root: Images that may be asked for by name; None for no such images.
        unsure: Where images are kept whose answer was "unknown"; None to keep none.
        max_body_bytes: Largest body of a request.
        max_files: Files in one multipart request.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        image_root: ImageRoot | None,
        unsure: UnsureStore | None = None,
        max_body_bytes: int,
        max_files: int,
    ) -> None:
        self._repository = repository
        self._image_root = image_root
        self._unsure = unsure
        self._max_body_bytes = max_body_bytes
        self._max_files = max_files

    def mount(self, app: Bottle) -> None:
        """Add the routes to an application."""
        reads = {"computes": True, "takes_body": True, "reads_only": True}
        for prefix in ("/predict", "/models/<model>/predict"):
            app.route(prefix, "POST", self.predict, **reads)
            app.route(f"{prefix}/<name:path>", "POST", self.predict_named, **reads)
            app.route(f"{prefix}/<name:path>", "GET", self.predict_by_name, computes=True)

    def predict(self, model: str | None = None) -> HTTPResponse:
        served = self._served(model)
        uploads = self._uploads(RAW_BODY_NAME)
        return _several(served, uploads) if _is_form() else _single(served, uploads[0].data, uploads[0].name)

    def predict_named(self, name: str, model: str | None = None) -> HTTPResponse:
        served = self._served(model)
        uploads = self._uploads(name)
        if len(uploads) > 1:
            raise Refusal(400, "BadRequest", f"one name, {name!r}, for {len(uploads)} files; POST them to /predict")
        return _single(served, uploads[0].data, name)

    def predict_by_name(self, name: str, model: str | None = None) -> HTTPResponse:
        if self._image_root is None:
            raise Refusal(404, "NotFound", "images by name are off; start the server with --image-root DIR")
        served = self._served(model)
        data = self._image_root.read(name, limits=served.classifier.limits)
        return _single(served, data, name)

    def _served(self, name: str | None) -> ServedModel:
        """Return the model asked for in the address, or with ?model=, or else the first."""
        served = self._repository.model(request.query.getunicode("model") if name is None else name)
        work = work_of(request.environ)
        work.model = served.name
        if self._unsure is not None:
            store = self._unsure
            work.on_classified = lambda data, prediction: store.offer(data, prediction, served)
        return served

    def _uploads(self, name: str) -> list[Upload]:
        """Return the images in the request: the files of a form, or else the body itself under `name`."""
        body = read_body(request.environ, max_bytes=self._max_body_bytes)
        if _is_form():
            # Not request.content_type: Bottle gives it in lower case, and the boundary is case-sensitive.
            return read_uploads(body, request.environ["CONTENT_TYPE"], max_files=self._max_files)
        return [Upload(name, body)]


def _single(served: ServedModel, data: bytes, name: str) -> HTTPResponse:
    """Answer with one prediction: JSON, or what the client prefers, the bare label or the explanation's image."""
    preferred = request.get_header("Accept", "").partition(",")[0].strip()
    if preferred.startswith("text/plain"):
        return text_answer(_classify(served, data, name).label)
    if preferred.startswith("image/png") and _wants_explanation():
        return data_answer(_explain(served, data, name).overlay_png(), "image/png")
    return json_answer(_document(served, data, name))


def _several(served: ServedModel, uploads: list[Upload]) -> HTTPResponse:
    """Answer with a prediction or an error for each file; with the first error's status if all failed."""
    results: list[dict[str, Any]] = []
    faults: list[ImageError] = []
    for upload in uploads:
        try:
            results.append(_document(served, upload.data, upload.name))
        except ImageError as error:
            faults.append(error)
            results.append({"image": upload.name, "error": error.as_dict()})
    if len(faults) < len(uploads):
        return json_answer({"predictions": results})
    return json_answer({"predictions": results, "error": faults[0].as_dict()}, status=refusal_of(faults[0]).status)


def _document(served: ServedModel, data: bytes, name: str) -> dict[str, Any]:
    top = _top()
    if not _wants_explanation():
        return _classify(served, data, name).as_dict(top=top)
    explanation = _explain(served, data, name)
    png = base64.b64encode(explanation.overlay_png()).decode("ascii")
    facts = {
        "label": explanation.label,
        "method": explanation.method.value,
        "resolution": list(explanation.resolution),
        "png": png,
    }
    return {**explanation.prediction.as_dict(top=top), "explanation": facts}


def _classify(served: ServedModel, data: bytes, name: str) -> Prediction:
    prediction = served.predict(data, image_name=name)
    work_of(request.environ).classified(prediction, data)
    return prediction


def _explain(served: ServedModel, data: bytes, name: str) -> "Explanation":
    label: str | None = request.query.getunicode("label")
    if label is not None and label not in served.classifier.card.labels:
        raise Refusal(400, "BadRequest", f"model {served.name!r} has no label {label[:100]!r} to explain")
    from edgecls.runtime.evidence import Method

    method = Method.OCCLUSION if request.query.get("explain") == "occlusion" else None
    explanation = served.explain(data, image_name=name, label=label, method=method)
    work_of(request.environ).classified(explanation.prediction, data)
    return explanation


def _is_form() -> bool:
    return bool(request.content_type.lower().startswith("multipart/form-data"))


def _wants_explanation() -> bool:
    """Return whether ?explain=1 or ?explain=occlusion asks what the answer rests on."""
    text = request.query.get("explain", "0")
    if text not in ("0", "1", "occlusion"):
        raise Refusal(400, "BadRequest", f"explain must be 0, 1 or occlusion, got {text[:20]!r}")
    return bool(text != "0")


def _top() -> int:
    """Return the number of labels asked for with ?top=."""
    text = request.query.get("top", str(DEFAULT_TOP))
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise Refusal(400, "BadRequest", f"top must be a whole number from 1 to 999999, got {text[:20]!r}")
    return int(text)


_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}

SCHEMAS: dict[str, Any] = {
    "LabelScore": objects({"label": {"type": "string"}, "probability": _PROBABILITY}),
    "Prediction": objects(
        {
            "image": {"type": "string", "description": "What the image is called."},
            "label": {"type": "string", "description": 'The best label, or "unknown".'},
            "known": {"type": "boolean", "description": "Whether the label is one of the model's."},
            "reason": {
                "enum": [None, "unlike", "undecided"],
                "description": "Why it is not known: the image is unlike the training images, or no label is probable "
                "enough.",
            },
            "probability": {**_PROBABILITY, "description": "Of the best label."},
            "familiarity": {
                "type": ["number", "null"],
                "description": "Larger for images that are more like the training images; null if the model does not "
                "judge that.",
            },
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
                "description": "Rows and columns of the map before interpolation.",
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
        "1 for what the answer rests on, as a heat map over the image; occlusion to find it by covering parts of the "
        "image even where the model has a class activation, which is slower and finer.",
        {"type": "string", "enum": ["0", "1", "occlusion"], "default": "0"},
        required=False,
    ),
    parameter(
        "label", "query", "With explain: about which label; the best without it.", {"type": "string"}, required=False
    ),
]
_NAME = parameter("name", "path", "What the image is called; may have slashes.", {"type": "string"}, required=True)

_IMAGES = {
    "required": True,
    "description": "The bytes of an image (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, PPM, or HEIC), or a form with files.",
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
            "post": _predict("Classify images", _ONE_OR_MORE, parameters=options, body=_IMAGES),
        },
        f"{prefix}/{{name}}": {
            "post": _predict("Classify an image, with its name", _ONE, parameters=[_NAME, *options], body=_IMAGES),
            "get": _predict("Classify an image in the server's image root", _ONE, parameters=[_NAME, *options]),
        },
    }


PATHS: dict[str, Any] = {**_paths("/predict", _BY_NAME), **_paths("/models/{model}/predict", _MODEL)}
