"""The outputs of a model: probabilities, and the label of each image."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecls.modelfile import OUTPUT_NAME
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.session import Probabilities
from edgecls.server.inference_protocol.inference_request import InferenceRequest, WantedOutput
from edgecls.server.inference_protocol.tensors import InvalidRequestError, bytes_to_binary, float32_to_binary

__all__ = [
    "LABEL_OUTPUT",
    "OutputTensor",
    "ResponseBody",
    "answered_labels",
    "check_outputs",
    "make_outputs",
    "write_response",
]

LABEL_OUTPUT = "label"
"""The output with the best label of each image, or "unknown" where that is not probable enough."""


@dataclass(frozen=True)
class OutputTensor:
    """An output.

    Attributes:
        name: Of the output.
        datatype: "FP32" or "BYTES".
        shape: Number of elements along each dimension.
        values: An array of float32 or a list of texts, by the datatype.
        binary: Whether it is sent as binary data.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Any
    binary: bool


def check_outputs(request: InferenceRequest) -> tuple[WantedOutput, ...]:
    """Return the outputs to make: those wanted, or all.

    Raises:
        InvalidRequestError: There is no such output, or it has no classes.
    """
    for wanted in request.outputs:
        if wanted.name not in (OUTPUT_NAME, LABEL_OUTPUT):
            raise InvalidRequestError(
                f"the model has no output {wanted.name[:100]!r}; its outputs are {OUTPUT_NAME!r} and {LABEL_OUTPUT!r}"
            )
        if wanted.name == LABEL_OUTPUT and wanted.classes is not None:
            raise InvalidRequestError(f"classification is for {OUTPUT_NAME!r}; {LABEL_OUTPUT!r} is text already")
    everything = tuple(WantedOutput(name, request.binary) for name in (OUTPUT_NAME, LABEL_OUTPUT))
    return request.outputs or everything


def make_outputs(
    wanted: tuple[WantedOutput, ...], probabilities: Probabilities, classifier: Classifier
) -> list[OutputTensor]:
    """Return the outputs wanted, in their order.

    Args:
        wanted: As `check_outputs` returned them.
        probabilities: float32, ``[N, labels]``.
        classifier: Which has labels and threshold.
    """
    return [_make(output, probabilities, classifier) for output in wanted]


def _make(wanted: WantedOutput, probabilities: Probabilities, classifier: Classifier) -> OutputTensor:
    count = len(probabilities)
    if wanted.name == LABEL_OUTPUT:
        return OutputTensor(wanted.name, "BYTES", (count, 1), answered_labels(probabilities, classifier), wanted.binary)
    if wanted.classes is None:
        return OutputTensor(wanted.name, "FP32", probabilities.shape, probabilities, wanted.binary)
    classes = _best_classes(probabilities, classifier.card.labels, wanted.classes)
    return OutputTensor(wanted.name, "BYTES", (count, len(classes) // count), classes, wanted.binary)


def answered_labels(probabilities: Probabilities, classifier: Classifier) -> list[str]:
    """Return the best label of each image, or "unknown" where that is not probable enough."""
    labels, threshold = classifier.card.labels, classifier.unknown_threshold
    return [Prediction("", labels, tuple(row), 0.0, threshold).label for row in probabilities.tolist()]


def _best_classes(probabilities: Probabilities, labels: tuple[str, ...], count: int) -> list[str]:
    """Return the best classes of each image, best first, each as "probability:index:label"."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return [
        f"{row[index]:f}:{index}:{labels[index]}"
        for row, indices in zip(probabilities, best, strict=True)
        for index in indices
    ]


@dataclass(frozen=True)
class ResponseBody:
    """A body as it is sent.

    Attributes:
        data: JSON, followed by the binary data if there is any.
        json_length: Bytes of the JSON; None where all of it is JSON.
    """

    data: bytes
    json_length: int | None


def write_response(facts: dict[str, str], outputs: list[OutputTensor]) -> ResponseBody:
    """Write an answer.

    Args:
        facts: Model name and version, and the id of the request.
        outputs: In the order in which they are sent.
    """
    pieces: list[bytes] = []
    tensors: list[dict[str, Any]] = []
    for output in outputs:
        tensor: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": list(output.shape)}
        if output.binary:
            pieces.append(_binary(output))
            tensor["parameters"] = {"binary_data_size": len(pieces[-1])}
        else:
            tensor["data"] = output.values.ravel().tolist() if output.datatype == "FP32" else output.values
        tensors.append(tensor)
    header = json.dumps({**facts, "outputs": tensors}, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return ResponseBody(b"".join((header, *pieces)), len(header) if pieces else None)


def _binary(output: OutputTensor) -> bytes:
    return float32_to_binary(output.values) if output.datatype == "FP32" else bytes_to_binary(output.values)
