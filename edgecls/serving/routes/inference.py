"""The Open Inference Protocol: health, metadata, statistics and inference."""

import time
from collections.abc import Callable

from bottle import Bottle, HTTPResponse, request

from edgecls.errors import ModelFileError
from edgecls.serving.answers import data_answer, json_answer
from edgecls.serving.bodies import read_body_if_any
from edgecls.serving.compression import compress_answer
from edgecls.serving.http.answer import Refusal
from edgecls.serving.inference_protocol.inference import Inference, infer
from edgecls.serving.inference_protocol.inference_response import ResponseBody
from edgecls.serving.inference_protocol.metadata import SERVER_NAME, model_config, model_metadata, server_metadata
from edgecls.serving.inference_protocol.model_outputs import answered_labels
from edgecls.serving.inference_protocol.statistics_document import statistics_document
from edgecls.serving.readiness import Readiness
from edgecls.serving.repository.repository import Repository
from edgecls.serving.repository.served_model import VERSION, ServedModel
from edgecls.serving.statistics import Statistics, combined
from edgecls.serving.work import Work, work_of
from edgecls.serving.workers.board import Gathered

__all__ = ["InferenceRoutes"]

STATISTICS_NAME = "stats"  # takes the place of a model's name in the address of all statistics
HEADER_LENGTH = "Inference-Header-Content-Length"


class InferenceRoutes:
    """The addresses under /v2, but for the repository's.

    Args:
        repository: The models.
        readiness: Whether the server can serve.
        statistics: Where requests are counted.
        gather: Returns what all processes of the server have counted.
        max_body_bytes: Largest body of a request, unpacked.

    Raises:
        ModelFileError: A model has a name that the protocol needs for itself.
    """

    def __init__(
        self,
        repository: Repository,
        readiness: Readiness,
        statistics: Statistics,
        gather: Callable[[], Gathered],
        *,
        max_body_bytes: int,
    ) -> None:
        if any(entry.name == STATISTICS_NAME for entry in repository.index()):
            raise ModelFileError(f"a model to be served cannot be called {STATISTICS_NAME!r}; rename its file")
        self._repository = repository
        self._readiness = readiness
        self._statistics = statistics
        self._gather = gather
        self._max_body_bytes = max_body_bytes

    def mount(self, app: Bottle) -> None:
        """Add the routes to an application."""
        app.route("/v2", "GET", self.server)
        app.route("/v2/health/live", "GET", self.live)
        app.route("/v2/health/ready", "GET", self.ready)
        app.route(f"/v2/models/{STATISTICS_NAME}", "GET", self.all_statistics)
        for model in ("/v2/models/<name>", "/v2/models/<name>/versions/<version>"):
            app.route(model, "GET", self.metadata)
            app.route(f"{model}/config", "GET", self.config)
            app.route(f"{model}/ready", "GET", self.model_ready)
            app.route(f"{model}/stats", "GET", self.model_statistics)
            app.route(f"{model}/infer", "POST", self.infer, computes=True, takes_body=True)

    def server(self) -> HTTPResponse:
        return json_answer(server_metadata())

    def live(self) -> HTTPResponse:
        return json_answer({"name": SERVER_NAME, "live": True})

    def ready(self) -> HTTPResponse:
        try:
            self._readiness.check()
        except Refusal as refusal:
            fault = {"name": SERVER_NAME, "live": True, "ready": False, "error": str(refusal)}
            return json_answer(fault, status=refusal.status, headers=refusal.headers)
        return json_answer({"name": SERVER_NAME, "live": True, "ready": True})

    def metadata(self, name: str, version: str = VERSION) -> HTTPResponse:
        return json_answer(model_metadata(name, self._model(name, version).classifier.card))

    def config(self, name: str, version: str = VERSION) -> HTTPResponse:
        return json_answer(model_config(name, self._model(name, version).classifier.card))

    def model_ready(self, name: str, version: str = VERSION) -> HTTPResponse:
        return json_answer({"name": self._model(name, version).name, "ready": True})

    def model_statistics(self, name: str, version: str = VERSION) -> HTTPResponse:
        return self._statistics_of([self._model(name, version).name])

    def all_statistics(self) -> HTTPResponse:
        return self._statistics_of([entry.name for entry in self._repository.index()])

    def infer(self, name: str, version: str = VERSION) -> HTTPResponse:
        began_ns, work = time.perf_counter_ns(), work_of(request.environ)
        model = self._model(name, version)
        work.model, queue_ns = model.name, round(work.queue_s * 1e9)
        try:
            body = read_body_if_any(request.environ, max_bytes=self._max_body_bytes)
            done = infer(model, body, request.get_header(HEADER_LENGTH), queue_ns=queue_ns, began_ns=began_ns)
        except Exception:
            self._statistics.failed(model.name, time.perf_counter_ns() - began_ns)
            raise
        self._statistics.succeeded(model.name, len(done.probabilities), done.times)
        _note(work, model, done)
        return compress_answer(_answer(done.body), request.get_header("Accept-Encoding", ""))

    def _statistics_of(self, names: list[str]) -> HTTPResponse:
        snapshots = self._gather().snapshots
        return json_answer(statistics_document({name: combined(snapshots, name) for name in names}))

    def _model(self, name: str, version: str) -> ServedModel:
        model = self._repository.model(name)
        if version != VERSION:
            raise Refusal(404, "NotFound", f"model {name!r} has no version {version[:40]!r}; its version is {VERSION}")
        return model


def _note(work: Work, model: ServedModel, done: Inference) -> None:
    work.decode_s = done.times.input_ns / 1e9
    labels = answered_labels(done.probabilities, model.classifier)
    best = done.probabilities.max(axis=1).tolist()
    work.ran(list(zip(labels, best, strict=True)), infer_s=done.times.infer_ns / 1e9)


def _answer(body: ResponseBody) -> HTTPResponse:
    if body.json_length is None:
        return data_answer(body.data, "application/json")
    return data_answer(body.data, "application/octet-stream", headers={HEADER_LENGTH: str(body.json_length)})
