"""`/teach`: a dataset and its models, taught in the page. Nothing of it is there without `--teach`."""

import re
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bottle import Bottle, HTTPResponse, request

from edgecls import image
from edgecls.image_spec import Fit, ImageSpec
from edgecls.server.dispatch.wsgi import StreamedBody, work_of
from edgecls.server.endpoints.answers import data_answer, json_answer
from edgecls.server.endpoints.bodies import read_body
from edgecls.server.endpoints.operations import array, json_content, objects, operation, parameter, ref
from edgecls.server.http.messages import Refusal
from edgecls.server.models.repository import NotReadyError, Repository
from edgecls.server.models.served_model import ServedModel
from edgecls.server.storage.taught_corrections import keep_correction
from edgecls.teaching.bounds import files_named
from edgecls.teaching.teaching import Teaching

__all__ = ["PATHS", "SCHEMAS", "TeachingRoutes"]

DEFAULT_NAME = "body"
TOP = 5
THUMBNAIL = ImageSpec(192, 192, fit=Fit.CROP)
THUMBNAIL_QUALITY = 80


class TeachingRoutes:
    """The addresses under /teach.

    Args:
        teaching: The dataset and its models.
        repository: The models that are served; the one in use stands first there.
        max_body_bytes: Largest body of a request.
    """

    def __init__(self, teaching: Teaching, repository: Repository, *, max_body_bytes: int) -> None:
        self._teaching = teaching
        self._repository = repository
        self._max_body_bytes = max_body_bytes
        self._opening = threading.Lock()
        self._candidate: tuple[int, ServedModel] | None = None

    def mount(self, app: Bottle) -> None:
        """Add the routes to an application."""

        def route(path: str, method: str, callback: Callable[..., HTTPResponse], **needs: bool) -> None:
            app.route(path, method, _written(callback), **needs)

        route("/teach", "GET", self.state)
        route("/teach/labels", "POST", self.add_label)
        route("/teach/labels/rename", "POST", self.rename_label)
        route("/teach/labels/remove", "POST", self.remove_label)
        route("/teach/images", "GET", self.images)
        route("/teach/images", "POST", self.add_image, computes=True, takes_body=True)
        route("/teach/images/move", "POST", self.move_image)
        route("/teach/images/keep", "POST", self.keep_label)
        route("/teach/images/remove", "POST", self.remove_image)
        route("/teach/images/thumbnail", "GET", self.thumbnail, computes=True)
        route("/teach/undo", "POST", self.undo, computes=True)
        route("/teach/training", "POST", self.train)
        route("/teach/training/cancel", "POST", self.cancel)
        route("/teach/dataset.zip", "GET", self.dataset)
        route("/teach/versions/<number>/model.onnx", "GET", self.model)
        route("/teach/versions/<number>/use", "POST", self.use, computes=True)
        route("/teach/versions/<number>/try", "POST", self.compare, computes=True, takes_body=True, reads_only=True)

    def state(self) -> HTTPResponse:
        return json_answer(self._teaching.state())

    def add_label(self) -> HTTPResponse:
        self._teaching.add_label(_given("label"))
        return self.state()

    def rename_label(self) -> HTTPResponse:
        self._teaching.rename_label(_given("label"), _given("to"))
        return self.state()

    def remove_label(self) -> HTTPResponse:
        self._teaching.remove_label(_given("label"))
        return self.state()

    def images(self) -> HTTPResponse:
        return json_answer({"images": self._teaching.images(_given("label"))})

    def add_image(self) -> HTTPResponse:
        label = _given("label")
        data = read_body(request.environ, max_bytes=self._max_body_bytes)
        name = request.query.getunicode("name") or DEFAULT_NAME
        batch = (request.query.getunicode("batch") or "")[:64]
        corrected = request.query.getunicode("corrects")
        if not corrected:
            return json_answer(asdict(self._teaching.add_image(data, label, name=name, batch=batch)))
        tried = self._opened(_number(corrected))
        added, _ = keep_correction(self._teaching, data, label, name=name, model=tried, batch=batch)
        return json_answer(asdict(added))

    def move_image(self) -> HTTPResponse:
        return json_answer({"image": self._teaching.move_image(_given("image"), _given("label"))})

    def keep_label(self) -> HTTPResponse:
        self._teaching.keep_label(_given("image"))
        return self.state()

    def remove_image(self) -> HTTPResponse:
        self._teaching.remove_image(_given("image"))
        return self.state()

    def thumbnail(self) -> HTTPResponse:
        path = self._teaching.image_file(_given("image"))
        pixels = image.decode_to_fit(image.read_file(path), THUMBNAIL, name=path.name)
        return data_answer(image.encode_jpeg(pixels, quality=THUMBNAIL_QUALITY), "image/jpeg")

    def undo(self) -> HTTPResponse:
        step = self._teaching.undo()
        if step.kind == "use":
            self._serve_what_is_in_use()
        return self.state()

    def train(self) -> HTTPResponse:
        self._teaching.train()
        return self.state()

    def cancel(self) -> HTTPResponse:
        self._teaching.cancel_training()
        return self.state()

    def dataset(self) -> HTTPResponse:
        headers = {"Content-Type": "application/zip", "Cache-Control": "no-store"}
        return HTTPResponse(StreamedBody(self._teaching.zipped()), **headers, **_as_file(f"{self._teaching.name}.zip"))

    def model(self, number: str) -> HTTPResponse:
        version = self._teaching.version(_number(number))
        name = f"{self._teaching.name}-{version.number}.onnx"
        return data_answer(version.model.read_bytes(), "application/octet-stream", headers=_as_file(name))

    def use(self, number: str) -> HTTPResponse:
        opened = self._opened(_number(number))
        version = self._teaching.use(_number(number))
        self._repository.serve_first(self._teaching.name, version.model, opened)
        return self.state()

    def compare(self, number: str) -> HTTPResponse:
        """Classify an image with a version that may not be in use, and with the model that is."""
        candidate = self._opened(_number(number))
        data = read_body(request.environ, max_bytes=self._max_body_bytes)
        name = request.query.getunicode("name") or DEFAULT_NAME
        prediction = candidate.predict(data, image_name=name)
        work_of(request.environ).classified(prediction, data)
        served: dict[str, Any] | None = None
        try:
            first = self._repository.model()
        except NotReadyError:
            first = None
        if first is not None:
            served = {"model": first.name, **first.predict(data, image_name=name).as_dict(top=TOP)}
        return json_answer({"answer": prediction.as_dict(top=TOP), "served": served})

    def _opened(self, number: int) -> ServedModel:
        """Return a version of the model, opened and verified; the last one that was asked for stays open."""
        version = self._teaching.version(number)
        with self._opening:
            if self._candidate is None or self._candidate[0] != number:
                self._candidate = None
                self._candidate = (number, self._repository.open(self._teaching.name, version.model))
            return self._candidate[1]

    def _serve_what_is_in_use(self) -> None:
        version = self._teaching.in_use
        if version is None:
            self._repository.forget(self._teaching.name)
        else:
            self._repository.serve_first(self._teaching.name, version.model, self._opened(version.number))


def _written(callback: Callable[..., HTTPResponse]) -> Callable[..., HTTPResponse]:
    """Have a callback say of files that cannot be written that they cannot."""

    def wrapper(*args: Any, **kwargs: Any) -> HTTPResponse:
        with files_named():
            return callback(*args, **kwargs)

    return wrapper


def _given(name: str) -> str:
    """Return a parameter that has to be there."""
    value: str = request.query.getunicode(name) or ""
    if not value.strip():
        raise Refusal(400, "BadRequest", f"the parameter {name} is missing, as in {request.path}?{name}=rose")
    return value


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise Refusal(404, "NotFound", f"there is no version {text[:20]!r} of the model")
    return int(text)


def _as_file(name: str) -> dict[str, str]:
    from urllib.parse import quote

    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_STATE = json_content(ref("Teaching"))
_IMAGE_BODY = {
    "required": True,
    "description": "The bytes of an image.",
    "content": {"application/octet-stream": {}, "image/*": {}},
}
_LABEL = parameter("label", "query", "A label.", _TEXT, required=True)
_IMAGE = parameter("image", "query", "Path of an image below the folder.", _TEXT, required=True)
_NAME = parameter("name", "query", "What the image is called.", _TEXT, required=False)
_VERSION = parameter("number", "path", "Number of the version.", _TEXT, required=True)


def _described(summary: str, success: dict[str, Any], *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    failures = more.pop("failures", (403, 404, 409, 422, 507))
    return operation(summary, group="teach", success=success, failures=failures, parameters=parameters, **more)


SCHEMAS: dict[str, Any] = {
    "Teaching": objects(
        {
            "name": _TEXT,
            "changes": _COUNT,
            "labels": array(objects({"label": _TEXT, "images": _COUNT})),
            "can_train": {"type": "boolean"},
            "warnings": array(objects({"kind": {"enum": ["labels", "few", "alike", "doubtful"]}})),
            "corrections": _COUNT,
            "undo": {"type": ["object", "null"]},
            "training": {"type": "object"},
            "versions": array({"type": "object", "required": ["number", "accuracy", "per_label"]}),
            "in_use": {"type": ["integer", "null"]},
            "bounds": {"type": "object"},
        }
    ),
}

PATHS: dict[str, Any] = {
    "/teach": {"get": _described("Labels, warnings, versions, how far a training is", _STATE, failures=())},
    "/teach/labels": {"post": _described("Make a label", _STATE, _LABEL)},
    "/teach/labels/rename": {
        "post": _described(
            "Rename a label", _STATE, _LABEL, parameter("to", "query", "Its name.", _TEXT, required=True)
        )
    },
    "/teach/labels/remove": {"post": _described("Take a label and its images out", _STATE, _LABEL)},
    "/teach/images": {
        "get": _described(
            "The images of a label", json_content(objects({"images": array(_TEXT)})), _LABEL, failures=()
        ),
        "post": _described(
            "Add an image to a label",
            json_content(objects({"image": _TEXT, "label": _TEXT, "before": {"type": ["string", "null"]}})),
            _LABEL,
            _NAME,
            parameter("batch", "query", "The same for images that are undone together.", _TEXT, required=False),
            parameter("corrects", "query", "Number of the version that this corrects, if any.", _TEXT, required=False),
            body=_IMAGE_BODY,
            failures=(403, 404, 409, 415, 422, 507),
        ),
    },
    "/teach/images/move": {
        "post": _described("Give an image another label", json_content(objects({"image": _TEXT})), _IMAGE, _LABEL)
    },
    "/teach/images/keep": {"post": _described("Doubt the label of an image no longer", _STATE, _IMAGE)},
    "/teach/images/remove": {"post": _described("Take an image out", _STATE, _IMAGE)},
    "/teach/images/thumbnail": {
        "get": _described("A small copy of an image", {"image/jpeg": {}}, _IMAGE, failures=(404, 415, 422))
    },
    "/teach/undo": {"post": _described("Undo the last step", _STATE)},
    "/teach/training": {"post": _described("Train a version of the model", _STATE)},
    "/teach/training/cancel": {"post": _described("End the training", _STATE)},
    "/teach/dataset.zip": {"get": _described("The dataset", {"application/zip": {}}, failures=())},
    "/teach/versions/{number}/model.onnx": {
        "get": _described("A version of the model", {"application/octet-stream": {}}, _VERSION, failures=(404,))
    },
    "/teach/versions/{number}/use": {"post": _described("Serve a version", _STATE, _VERSION)},
    "/teach/versions/{number}/try": {
        "post": _described(
            "Classify an image with a version, and with the model that is served",
            json_content(
                objects({"answer": ref("Prediction"), "served": {"anyOf": [{"type": "null"}, ref("Prediction")]}})
            ),
            _VERSION,
            _NAME,
            body=_IMAGE_BODY,
            failures=(404, 409, 415, 422),
        )
    },
}
