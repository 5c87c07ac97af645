"""What the server and a model say about themselves."""

from typing import Any

from edgecls import __version__
from edgecls.modelfile import INPUT_NAME
from edgecls.runtime.classifier import Classifier
from edgecls.server.inference_protocol.model_outputs import LABEL_OUTPUT, output_widths
from edgecls.server.inference_protocol.tensors import max_batch_size
from edgecls.server.metrics.statistics import ModelStatistics, StageTallies, Tally
from edgecls.server.models.served_model import VERSION

__all__ = ["SERVER_NAME", "model_config", "model_metadata", "server_metadata", "statistics_document"]

SERVER_NAME = "edgecls"
PLATFORM = "onnxruntime_onnx"
VARIABLE = -1  # the size of a dimension that a request chooses
EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics")


def server_metadata() -> dict[str, Any]:
    """Return name, version and the extensions of the protocol that the server has."""
    return {"name": SERVER_NAME, "version": __version__, "extensions": list(EXTENSIONS)}


def model_metadata(name: str, classifier: Classifier) -> dict[str, Any]:
    """Return the tensors of a model; dimensions of -1 are as long as the request has images."""
    return {
        "name": name,
        "versions": [VERSION],
        "platform": PLATFORM,
        "inputs": [{"name": INPUT_NAME, "datatype": "UINT8", "shape": [VARIABLE, *classifier.card.image.shape_hwc]}],
        "outputs": [
            {"name": output, "datatype": "BYTES" if output == LABEL_OUTPUT else "FP32", "shape": [VARIABLE, width]}
            for output, width in output_widths(classifier).items()
        ],
    }


def model_config(name: str, classifier: Classifier) -> dict[str, Any]:
    """Return what Triton's clients request; dimensions are those of one image."""
    return {
        "name": name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": max_batch_size(classifier.card.image),
        "input": [
            {
                "name": INPUT_NAME,
                "data_type": "TYPE_UINT8",
                "format": "FORMAT_NHWC",
                "dims": list(classifier.card.image.shape_hwc),
            }
        ],
        "output": [
            {"name": output, "data_type": "TYPE_STRING" if output == LABEL_OUTPUT else "TYPE_FP32", "dims": [width]}
            for output, width in output_widths(classifier).items()
        ],
    }


def statistics_document(models: dict[str, ModelStatistics]) -> dict[str, Any]:
    """Return the statistics of models, by name."""
    return {"model_stats": [_model(name, statistics) for name, statistics in models.items()]}


def _model(name: str, statistics: ModelStatistics) -> dict[str, Any]:
    return {
        "name": name,
        "version": VERSION,
        "last_inference": statistics.last_inference_ms,
        "inference_count": statistics.images,
        "execution_count": statistics.success.count,
        "inference_stats": {
            "success": _duration(statistics.success),
            "fail": _duration(statistics.fail),
            "queue": _duration(statistics.queue),
            **_stages(statistics.stages),
            "cache_hit": _duration(Tally()),
            "cache_miss": _duration(Tally()),
        },
        "batch_stats": [
            {"batch_size": size, **_stages(stages)} for size, stages in sorted(statistics.by_batch_size.items())
        ],
    }


def _stages(stages: StageTallies) -> dict[str, dict[str, int]]:
    return {
        "compute_input": _duration(stages.input),
        "compute_infer": _duration(stages.infer),
        "compute_output": _duration(stages.output),
    }


def _duration(tally: Tally) -> dict[str, int]:
    return {"count": tally.count, "ns": tally.ns}
