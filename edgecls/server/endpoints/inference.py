"""The Open Inference Protocol: health, metadata, statistics and inference."""

import time
from collections.abc import Callable
from typing import Any

from bottle import Bottle, HTTPResponse, request

from edgecls.errors import ModelFileError
from edgecls.server.dispatch.wsgi import Work, work_of
from edgecls.server.endpoints.answers import data_answer, json_answer, refusal_of
from edgecls.server.endpoints.bodies import compress_answer, read_body_if_any
from edgecls.server.endpoints.operations import (
    JSON,
    array,
    json_content,
    objects,
    operation,
    parameter,
    ref,
)
from edgecls.server.http.messages import Refusal
from edgecls.server.inference_protocol.inference import Inference, infer
from edgecls.server.inference_protocol.metadata import (
    SERVER_NAME,
    model_config,
    model_metadata,
    server_metadata,
    statistics_document,
)
from edgecls.server.inference_protocol.model_outputs import ResponseBody
from edgecls.server.metrics.statistics import Statistics, combined
from edgecls.server.models.repository import NotReadyError, Readiness, Repository
from edgecls.server.models.served_model import VERSION, ServedModel
from edgecls.server.workers.board import Gathered

__all__ = ["MODEL_NAME", "PATHS", "SCHEMAS", "InferenceRoutes", "protocol_operation"]

STATISTICS_NAME = "stats"  # takes the place of a model's name in the address of all statistics
HEADER_LENGTH = "Inference-Header-Content-Length"


class InferenceRoutes:
    """The addresses under /v2, except for the repository's.

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
            app.route(f"{model}/infer", "POST", self.infer, computes=True, takes_body=True, reads_only=True)

    def server(self) -> HTTPResponse:
        return json_answer(server_metadata())

    def live(self) -> HTTPResponse:
        return json_answer({"name": SERVER_NAME, "live": True})

    def ready(self) -> HTTPResponse:
        try:
            self._readiness.check()
        except NotReadyError as error:
            refusal = refusal_of(error)
            fault = {"name": SERVER_NAME, "live": True, "ready": False, "error": str(error)}
            return json_answer(fault, status=refusal.status, headers=refusal.headers)
        return json_answer({"name": SERVER_NAME, "live": True, "ready": True})

    def metadata(self, name: str, version: str = VERSION) -> HTTPResponse:
        return json_answer(model_metadata(name, self._model(name, version).classifier))

    def config(self, name: str, version: str = VERSION) -> HTTPResponse:
        return json_answer(model_config(name, self._model(name, version).classifier))

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
        self._statistics.succeeded(model.name, len(done.predictions), done.times)
        _note(work, done)
        return compress_answer(_answer(done.body), request.get_header("Accept-Encoding", ""))

    def _statistics_of(self, names: list[str]) -> HTTPResponse:
        snapshots = self._gather().snapshots
        return json_answer(statistics_document({name: combined(snapshots, name) for name in names}))

    def _model(self, name: str, version: str) -> ServedModel:
        model = self._repository.model(name)
        if version != VERSION:
            raise Refusal(404, "NotFound", f"model {name!r} has no version {version[:40]!r}; its version is {VERSION}")
        return model


def _note(work: Work, done: Inference) -> None:
    work.decode_s = done.times.input_ns / 1e9
    work.ran(done.predictions, infer_s=done.times.infer_ns / 1e9)


def _answer(body: ResponseBody) -> HTTPResponse:
    if body.json_length is None:
        return data_answer(body.data, "application/json")
    return data_answer(body.data, "application/octet-stream", headers={HEADER_LENGTH: str(body.json_length)})


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
                                "description": "Pixels at the model's size, or encoded images.",
                            },
                            "shape": {**array({"type": "integer", "minimum": 1}), "minItems": 1},
                            "parameters": {
                                "type": "object",
                                "properties": {"binary_data_size": {"type": "integer", "minimum": 1}},
                            },
                            "data": {
                                "type": "array",
                                "description": "Numbers from 0 to 255, or images in Base64; not for binary data.",
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
                            "name": {"enum": ["probabilities", "label", "familiarity", "features"]},
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
        "Classify images",
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
    "/v2/health/ready": {"get": protocol_operation("Are all models loaded and verified?", ref("ServerHealth"))},
    "/v2/models/stats": {"get": protocol_operation("Statistics of all models", ref("Statistics"))},
    **_of_model("", "get", "A model's tensors", "ModelMetadata"),
    **_of_model("/config", "get", "A model in the words of Triton", "ModelConfig"),
    **_of_model("/ready", "get", "Is a model ready?", "ModelReady"),
    **_of_model("/stats", "get", "Statistics of a model", "Statistics"),
    **_infer(),
}
