"""Pictures in, predictions out."""

import base64
import re
from typing import TYPE_CHECKING, Any

from bottle import Bottle, HTTPResponse, request

from edgecls.errors import ImageError
from edgecls.runtime.prediction import Prediction
from edgecls.serving.answers import data_answer, json_answer, status_of, text_answer
from edgecls.serving.bodies import Upload, read_body, read_uploads
from edgecls.serving.http.answer import Refusal
from edgecls.serving.image_root import ImageRoot
from edgecls.serving.repository.repository import Repository
from edgecls.serving.repository.served_model import ServedModel
from edgecls.serving.work import work_of

if TYPE_CHECKING:
    from edgecls.runtime.explaining.explanation import Explanation

__all__ = ["PredictRoutes"]

DEFAULT_TOP = 5
RAW_BODY_NAME = "body"  # what a picture without a name is called in its answer


class PredictRoutes:
    """The addresses under /predict, and under /models/NAME/predict, where NAME is the model's.

    Args:
        repository: The models.
        image_root: Pictures that may be asked for by name; None for no such pictures.
        max_body_bytes: Largest body of a request.
        max_files: Files in one multipart request.
    """

    def __init__(
        self, repository: Repository, *, image_root: ImageRoot | None, max_body_bytes: int, max_files: int
    ) -> None:
        self._repository = repository
        self._image_root = image_root
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
            raise Refusal(404, "NotFound", "pictures by name are off; start the server with --image-root DIR")
        served = self._served(model)
        data = self._image_root.read(name, limits=served.classifier.limits)
        return _single(served, data, name)

    def _served(self, name: str | None) -> ServedModel:
        """Return the model asked for in the address, or with ?model=, or else the first."""
        served = self._repository.model(request.query.getunicode("model") if name is None else name)
        work_of(request.environ).model = served.name
        return served

    def _uploads(self, name: str) -> list[Upload]:
        """Return the pictures in the request: the files of a form, or else the body itself under `name`."""
        body = read_body(request.environ, max_bytes=self._max_body_bytes)
        if _is_form():
            # Not request.content_type: Bottle gives it in lower case, and the boundary is case-sensitive.
            return read_uploads(body, request.environ["CONTENT_TYPE"], max_files=self._max_files)
        return [Upload(name, body)]


def _single(served: ServedModel, data: bytes, name: str) -> HTTPResponse:
    """Answer with one prediction: JSON, or what the client prefers, the bare label or the explanation's picture."""
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
    return json_answer({"predictions": results, "error": faults[0].as_dict()}, status=status_of(faults[0]))


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
    work_of(request.environ).classified(prediction)
    return prediction


def _explain(served: ServedModel, data: bytes, name: str) -> "Explanation":
    label: str | None = request.query.getunicode("label")
    if label is not None and label not in served.classifier.card.labels:
        raise Refusal(400, "BadRequest", f"model {served.name!r} has no label {label[:100]!r} to explain")
    from edgecls.runtime.explaining.explanation import Method

    method = Method.OCCLUSION if request.query.get("explain") == "occlusion" else None
    explanation = served.explain(data, image_name=name, label=label, method=method)
    work_of(request.environ).classified(explanation.prediction)
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
