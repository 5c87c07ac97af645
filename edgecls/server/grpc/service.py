"""What each method of the Open Inference Protocol answers, from message to message."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from edgecls.errors import EdgeclsError
from edgecls.server.dispatch.dispatcher import Dispatcher
from edgecls.server.dispatch.wsgi import Work, WorkedAnswer
from edgecls.server.endpoints.answers import refusal_of
from edgecls.server.grpc.messages import METHODS, SERVICE, message_class
from edgecls.server.grpc.tensors import read_infer_request, write_infer_response
from edgecls.server.http.messages import Answer, Refusal, Request, Ticket, refusal_answer
from edgecls.server.inference_protocol.inference import compute
from edgecls.server.inference_protocol.metadata import (
    model_config,
    model_metadata,
    server_metadata,
    statistics_document,
)
from edgecls.server.inference_protocol.tensors import InvalidRequestError
from edgecls.server.metrics.statistics import Statistics, combined
from edgecls.server.models.repository import ModelState, NotReadyError, Readiness, Repository, UnknownModelError
from edgecls.server.models.served_model import VERSION, ServedModel
from edgecls.server.workers.board import Gathered

__all__ = ["GrpcHandler", "InferenceService"]

_COMPUTING = ("ModelInfer", "RepositoryModelLoad")


@dataclass(frozen=True)
class InferenceService:
    """The service; each method takes the message of a request and returns that of its answer.

    Attributes:
        repository: The models.
        readiness: Whether the server can serve.
        statistics: Where requests are counted.
        gather: Returns what all processes of the server have counted.
        allow_model_control: Whether clients may load and unload models.
    """

    repository: Repository
    readiness: Readiness
    statistics: Statistics
    gather: Callable[[], Gathered]
    allow_model_control: bool = False

    def server_live(self, request: Any, work: Work) -> dict[str, Any]:
        return {"live": True}

    def server_ready(self, request: Any, work: Work) -> dict[str, Any]:
        try:
            self.readiness.check()
        except NotReadyError:
            return {"ready": False}
        return {"ready": True}

    def model_ready(self, request: Any, work: Work) -> dict[str, Any]:
        try:
            self._model(request.name, request.version)
        except (NotReadyError, UnknownModelError, Refusal):
            return {"ready": False}
        return {"ready": True}

    def server_metadata(self, request: Any, work: Work) -> dict[str, Any]:
        return server_metadata()

    def model_metadata(self, request: Any, work: Work) -> dict[str, Any]:
        model = self._model(request.name, request.version)
        return model_metadata(model.name, model.classifier)

    def model_config(self, request: Any, work: Work) -> dict[str, Any]:
        model = self._model(request.name, request.version)
        return {"config": model_config(model.name, model.classifier)}

    def model_statistics(self, request: Any, work: Work) -> dict[str, Any]:
        names = [entry.name for entry in self.repository.index()]
        if request.name:
            names = [self._model(request.name, request.version).name]
        snapshots = self.gather().snapshots
        return statistics_document({name: combined(snapshots, name) for name in names})

    def repository_index(self, request: Any, work: Work) -> dict[str, Any]:
        entries = [e for e in self.repository.index() if e.state is ModelState.READY or not request.ready]
        return {
            "models": [
                {"name": entry.name, "version": VERSION, "state": entry.state.value, "reason": entry.reason}
                for entry in entries
            ]
        }

    def repository_model_load(self, request: Any, work: Work) -> dict[str, Any]:
        self._check_control(request)
        return {"model_name": self.repository.load(_model_name(request)).name, "isLoaded": True}

    def repository_model_unload(self, request: Any, work: Work) -> dict[str, Any]:
        self._check_control(request)
        self.repository.unload(_model_name(request))
        return {"model_name": _model_name(request), "isUnloaded": True}

    def model_infer(self, request: Any, work: Work) -> Message:
        began_ns = time.perf_counter_ns()
        model = self._model(request.model_name, request.model_version)
        work.model, queue_ns = model.name, round(work.queue_s * 1e9)
        try:
            asked = read_infer_request(request)
            computed = compute(model, asked)
            response = write_infer_response(model.name, asked, computed.outputs)
        except Exception:
            self.statistics.failed(model.name, time.perf_counter_ns() - began_ns)
            raise
        times = computed.times(queue_ns=queue_ns, began_ns=began_ns)
        self.statistics.succeeded(model.name, len(computed.predictions), times)
        work.decode_s = times.input_ns / 1e9
        work.ran(computed.predictions, infer_s=times.infer_ns / 1e9)
        return response

    def _model(self, name: str, version: str) -> ServedModel:
        model = self.repository.model(name)
        if version not in ("", VERSION):
            raise Refusal(404, "NotFound", f"model {name!r} has no version {version[:40]!r}; its version is {VERSION}")
        return model

    def _check_control(self, request: Any) -> None:
        if not self.allow_model_control:
            raise Refusal(
                403,
                "Forbidden",
                "loading and unloading models is off; start the server with --allow-model-control",
            )
        if request.parameters:
            raise InvalidRequestError("load takes no parameters: put the model file in its place, then load it")


def _model_name(request: Any) -> str:
    """Return the name of a model to load or unload; KServe's clients send it in the field for the repository's."""
    name: str = request.model_name or request.repository_name
    return name


class GrpcHandler:
    """Has the threads of the dispatcher answer calls, as they answer requests over HTTP.

    Args:
        service: Answers.
        dispatcher: Has the threads and the bounded queue.
    """

    def __init__(self, service: InferenceService, dispatcher: Dispatcher) -> None:
        self._service = service
        self._dispatcher = dispatcher
        self._methods = {f"/{SERVICE}/{name}": name for name in METHODS}

    def check(self, request: Request) -> Refusal | None:
        """Nothing is refused here."""

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> Ticket | Answer:
        """Queue a call, or refuse it as the queue is full."""
        computes = self._methods[request.path] in _COMPUTING
        return self._dispatcher.submit(request, answer, self._call, computes=computes)

    def answered(self, request: Request, answer: Answer) -> None:
        """Nothing is noted here."""

    def _call(self, request: Request, work: Work) -> WorkedAnswer:
        name = self._methods[request.path]
        try:
            message: Any = message_class(f"{name}Request")()
            message.ParseFromString(request.body)
            result = getattr(self._service, _snake_case(name))(message, work)
        except DecodeError as error:
            return _refused(InvalidRequestError(f"the message is no {name}Request: {error}"), work)
        except Refusal as refusal:
            return _refused(refusal, work)
        except EdgeclsError as error:
            return _refused(refusal_of(error), work)
        if isinstance(result, dict):
            result = json_format.ParseDict(result, message_class(f"{name}Response")())
        return WorkedAnswer("200 OK", [], result.SerializeToString(), work=work)


def _refused(refusal: Refusal, work: Work) -> WorkedAnswer:
    answer = refusal_answer(refusal)
    return WorkedAnswer(answer.status, [], b"", refusal=refusal, work=work)


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")
