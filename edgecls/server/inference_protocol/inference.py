"""From the body of a request to the body of its answer."""

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.errors import ImageError, ImageTooLargeError
from edgecls.image_spec import ImageSpec
from edgecls.modelfile import FEATURES_NAME, INPUT_NAME
from edgecls.runtime.appearance import appearance_of
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.prediction import Prediction
from edgecls.server.inference_protocol.inference_request import (
    InferenceRequest,
    InputTensor,
    read_raw_request,
    read_request,
)
from edgecls.server.inference_protocol.model_outputs import (
    OutputTensor,
    ResponseBody,
    check_outputs,
    make_outputs,
    write_response,
)
from edgecls.server.inference_protocol.tensors import (
    InvalidRequestError,
    bytes_from_binary,
    bytes_from_json,
    max_batch_size,
    uint8_from_binary,
    uint8_from_json,
)
from edgecls.server.metrics.statistics import InferenceTimes
from edgecls.server.models.served_model import VERSION, ServedModel

__all__ = ["Computed", "Decode", "Inference", "compute", "infer", "read_batch"]

Decode = Callable[[bytes, str], npt.NDArray[np.uint8]]
"""From an encoded image and what to call it to uint8 pixels at the model's size."""


def read_batch(tensor: InputTensor, spec: ImageSpec, decode: Decode) -> npt.NDArray[np.uint8]:
    """Return the images of an input.

    Args:
        tensor: UINT8 ``[N, height, width, channels]`` at the model's size, or BYTES ``[N]`` or ``[N, 1]``, each
            element a whole encoded image of any size.
        spec: What the model takes.
        decode: Decodes an image; what it raises is raised.

    Returns:
        uint8, ``[N, height, width, channels]``.

    Raises:
        InvalidRequestError: The input is something else, or too many images.
    """
    if tensor.name != INPUT_NAME:
        raise InvalidRequestError(f"the model has no input {tensor.name[:100]!r}; its only input is {INPUT_NAME!r}")
    if tensor.datatype == "UINT8":
        return _pixels(tensor, spec)
    if tensor.datatype == "BYTES":
        encoded = _encoded(tensor, spec)
        names = [f"{INPUT_NAME}[{index}]" for index in range(len(encoded))]
        return np.stack([decode(data, name) for data, name in zip(encoded, names, strict=True)])
    raise InvalidRequestError(
        f"input {tensor.name!r} takes UINT8 (pixels) or BYTES (encoded images), got {tensor.datatype[:20]!r}"
    )


def _pixels(tensor: InputTensor, spec: ImageSpec) -> npt.NDArray[np.uint8]:
    _check(tensor, ["N", *spec.shape_hwc], fits=tensor.shape[1:] == spec.shape_hwc, spec=spec)
    read = uint8_from_binary if isinstance(tensor.data, bytes) else uint8_from_json
    return read(tensor.data, tensor.shape, name=tensor.name)


def _encoded(tensor: InputTensor, spec: ImageSpec) -> list[bytes]:
    _check(tensor, ["N"], fits=math.prod(tensor.shape[1:]) == 1, spec=spec)
    read = bytes_from_binary if isinstance(tensor.data, bytes) else bytes_from_json
    return read(tensor.data, tensor.shape, name=tensor.name)


def _check(tensor: InputTensor, shape: list[object], *, fits: bool, spec: ImageSpec) -> None:
    most = max_batch_size(spec)
    if not fits or tensor.shape[0] > most:
        raise InvalidRequestError(
            f"input {tensor.name!r} of datatype {tensor.datatype} must have the shape "
            f"[{', '.join(map(str, shape))}] with N from 1 to {most}, got {list(tensor.shape)}"
        )


@dataclass(frozen=True)
class Inference:
    """A request that was answered.

    Attributes:
        body: Of the answer.
        predictions: One for each image.
        times: Where the time went.
    """

    body: ResponseBody
    predictions: list[Prediction]
    times: InferenceTimes


def infer(model: ServedModel, body: bytes, header_length: str | None, *, queue_ns: int, began_ns: int) -> Inference:
    """Answer a request.

    Args:
        model: What answers it.
        body: Of the request, no longer compressed.
        header_length: The header field Inference-Header-Content-Length; None if there is none.
        queue_ns: How long the request waited for a thread, in nanoseconds.
        began_ns: When work on it began, by time.perf_counter_ns().

    Raises:
        Refusal: The request does not follow the protocol, or names what the model does not have.
        ImageTooLargeError: An encoded image is above the model's limits.
    """
    request = _read(body, header_length, model.classifier)
    computed = compute(model, request)
    facts = {"model_name": model.name, "model_version": VERSION, "id": request.id}
    response = write_response(facts, computed.outputs)
    return Inference(response, computed.predictions, computed.times(queue_ns=queue_ns, began_ns=began_ns))


@dataclass(frozen=True)
class Computed:
    """What a model gave for a request, before it is written as an answer.

    Attributes:
        outputs: Those wanted.
        predictions: One for each image.
        prepared_ns: When the images were decoded, by time.perf_counter_ns().
        inferred_ns: When the network had run.
    """

    outputs: list[OutputTensor]
    predictions: list[Prediction]
    prepared_ns: int
    inferred_ns: int

    def times(self, *, queue_ns: int, began_ns: int) -> InferenceTimes:
        """Return where the time went, for an answer that is written now."""
        return InferenceTimes(
            queue_ns,
            self.prepared_ns - began_ns,
            self.inferred_ns - self.prepared_ns,
            time.perf_counter_ns() - self.inferred_ns,
        )


def compute(model: ServedModel, request: InferenceRequest) -> Computed:
    """Decode the images of a request and run the network on them.

    Raises:
        Refusal: The model does not have what the request asks for, or cannot read its input.
        ImageTooLargeError: An encoded image is above the model's limits.
    """
    classifier = model.classifier
    wanted = check_outputs(request, classifier)
    batch = read_batch(request.input, classifier.card.image, functools.partial(_decode, classifier))
    prepared_ns = time.perf_counter_ns()
    answers = model.run_all(batch, features=any(output.name == FEATURES_NAME for output in wanted))
    inferred_ns = time.perf_counter_ns()
    looks = [appearance_of(pixels, None) if classifier.measures_appearance else None for pixels in batch]
    predictions = [
        classifier.judge(answer, appearance=look) for answer, look in zip(answers.images(), looks, strict=True)
    ]
    return Computed(make_outputs(wanted, answers, predictions), predictions, prepared_ns, inferred_ns)


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
