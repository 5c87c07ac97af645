"""From the body of a request to the body of its answer."""

import functools
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.errors import ImageError, ImageTooLargeError
from edgecls.runtime.classifier import Classifier
from edgecls.serving.inference_protocol.inference_request import InferenceRequest, read_request
from edgecls.serving.inference_protocol.inference_response import ResponseBody, write_response
from edgecls.serving.inference_protocol.invalid import InvalidRequestError
from edgecls.serving.inference_protocol.model_input import read_batch
from edgecls.serving.inference_protocol.model_outputs import check_outputs, make_outputs
from edgecls.serving.inference_protocol.raw_request import read_raw_request
from edgecls.serving.repository.served_model import VERSION, ServedModel
from edgecls.serving.statistics import InferenceTimes

__all__ = ["Inference", "infer"]


@dataclass(frozen=True)
class Inference:
    """A request that was answered.

    Attributes:
        body: Of the answer.
        pictures: How many there were.
        times: Where the time went.
    """

    body: ResponseBody
    pictures: int
    times: InferenceTimes


def infer(model: ServedModel, body: bytes, header_length: str | None, *, queue_ns: int, began_ns: int) -> Inference:
    """Answer a request.

    Args:
        model: What answers it.
        body: Of the request, no longer compressed.
        header_length: The header field Inference-Header-Content-Length; None where there is none.
        queue_ns: How long the request waited for a thread, in nanoseconds.
        began_ns: When work on it began, by time.perf_counter_ns().

    Raises:
        Refusal: The request does not follow the protocol, or the model does not have what it asks for.
        ImageTooLargeError: An encoded picture is above the model's limits.
    """
    classifier = model.classifier
    request = _read(body, header_length, classifier)
    wanted = check_outputs(request)
    batch = read_batch(request.input, classifier.card.image, functools.partial(_decode, classifier))
    prepared_ns = time.perf_counter_ns()
    probabilities = model.probabilities(batch)
    inferred_ns = time.perf_counter_ns()
    facts = {"model_name": model.name, "model_version": VERSION, "id": request.id}
    response = write_response(facts, make_outputs(wanted, probabilities, classifier))
    ended_ns = time.perf_counter_ns()
    times = InferenceTimes(queue_ns, prepared_ns - began_ns, inferred_ns - prepared_ns, ended_ns - inferred_ns)
    return Inference(response, len(batch), times)


def _read(body: bytes, header_length: str | None, classifier: Classifier) -> InferenceRequest:
    if header_length == "0":
        return read_raw_request(body, classifier.card.image)
    return read_request(body, header_length)


def _decode(classifier: Classifier, data: bytes, name: str) -> npt.NDArray[np.uint8]:
    try:
        return image.decode_to_fit(data, classifier.card.image, name=name, limits=classifier.limits)
    except ImageTooLargeError:
        raise
    except ImageError as error:
        raise InvalidRequestError(str(error)) from error
