"""The outputs of a model: probabilities, the label of each image, and on request familiarity and features."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecls.modelfile import FAMILIARITY_NAME, FEATURES_NAME, OUTPUT_NAME
from edgecls.runtime.answers import Answers, Probabilities
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.prediction import Prediction
from edgecls.server.inference_protocol.inference_request import InferenceRequest, WantedOutput
from edgecls.server.inference_protocol.tensors import InvalidRequestError, bytes_to_binary, float32_to_binary

__all__ = [
    "LABEL_OUTPUT",
    "OutputTensor",
    "ResponseBody",
    "check_outputs",
    "make_outputs",
    "output_widths",
    "write_response",
]

LABEL_OUTPUT = "label"
"""The output with the best label of each image, or "unknown" where the model does not know it."""


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


def output_widths(classifier: Classifier) -> dict[str, int]:
    """Return the outputs that a model has, each with the number of its elements for an image, those sent unasked first.

    Familiarity and features are sent only to clients that name them.
    """
    widths = {OUTPUT_NAME: len(classifier.labels), LABEL_OUTPUT: 1}
    if classifier.has_familiarity:
        widths[FAMILIARITY_NAME] = 1
    if classifier.feature_count is not None:
        widths[FEATURES_NAME] = classifier.feature_count
    return widths


def check_outputs(request: InferenceRequest, classifier: Classifier) -> tuple[WantedOutput, ...]:
    """Return the outputs to make: those wanted, or those that are sent unasked.

    Raises:
        InvalidRequestError: There is no such output, or it has no classes.
    """
    known = output_widths(classifier)
    for wanted in request.outputs:
        if wanted.name not in known:
            *others, last = map(repr, known)
            raise InvalidRequestError(
                f"the model has no output {wanted.name[:100]!r}; its outputs are {', '.join(others)} and {last}"
            )
        if wanted.name != OUTPUT_NAME and wanted.classes is not None:
            what = "text already" if wanted.name == LABEL_OUTPUT else "not about classes"
            raise InvalidRequestError(f"classification is for {OUTPUT_NAME!r}; {wanted.name!r} is {what}")
    everything = tuple(WantedOutput(name, request.binary) for name in (OUTPUT_NAME, LABEL_OUTPUT))
    return request.outputs or everything


def make_outputs(
    wanted: tuple[WantedOutput, ...], answers: Answers, predictions: Sequence[Prediction]
) -> list[OutputTensor]:
    """Return the outputs wanted, in their order.

    Args:
        wanted: As `check_outputs` returned them.
        answers: What the network gave, with all that is wanted.
        predictions: What follows from that, one for each image.
    """
    return [_make(output, answers, predictions) for output in wanted]


def _make(wanted: WantedOutput, answers: Answers, predictions: Sequence[Prediction]) -> OutputTensor:
    count = len(predictions)
    if wanted.name == LABEL_OUTPUT:
        labels = [prediction.label for prediction in predictions]
        return OutputTensor(wanted.name, "BYTES", (count, 1), labels, wanted.binary)
    if wanted.classes is not None:
        classes = _best_classes(answers.probabilities, predictions[0].labels, wanted.classes)
        return OutputTensor(wanted.name, "BYTES", (count, len(classes) // count), classes, wanted.binary)
    numbers = {
        OUTPUT_NAME: answers.probabilities,
        FAMILIARITY_NAME: None if answers.familiarity is None else answers.familiarity[:, np.newaxis],
        FEATURES_NAME: answers.features,
    }
    values = np.asarray(numbers[wanted.name], np.float32)
    return OutputTensor(wanted.name, "FP32", values.shape, values, wanted.binary)


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
