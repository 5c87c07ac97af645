"""Export of a classical model together with its features, as one verified model file."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError
from edgecls.export.parity import MAX_DIFFERENCE, Network
from edgecls.export.proof import Export, prove
from edgecls.image_spec import ImageSpec
from edgecls.model_card import ModelCard
from edgecls.modelfile import OUTPUT_NAME
from edgecls.models.classical.features import Backbone, Features, add_features, open_features
from edgecls.models.classical.graph import Graph
from edgecls.models.classical.registry import FittedClassifier, get_classical
from edgecls.runtime.machine.cores import usable_cores

__all__ = ["classical_to_onnx", "export_classical", "original_network"]

CONVERTERS = ("skl2onnx", "onnxmltools")


def export_classical(
    fitted: FittedClassifier,
    features: Features,
    card: ModelCard,
    *,
    backbone: Backbone | None = None,
    original: Network | None = None,
    images: Mapping[str, npt.NDArray[np.uint8]] | None = None,
    max_difference: float = MAX_DIFFERENCE,
) -> Export:
    """Turn a fitted classical model into a model file, in memory.

    Args:
        fitted: As the registry's `fit` returns it.
        features: What it was fitted to.
        card: Goes into the file; the answers of its golden samples are computed anew.
        backbone: The network that computed the features, for Features.BACKBONE; as for the functions below.
        original: What `original_network` returns, if it is open already.
        images: Real images to compare the answers for, in addition to the golden samples. Give some: a tree's
            threshold rounded to the wrong side only shows on images.
        max_difference: Largest difference of any probability between the library and onnxruntime.

    Raises:
        ParityError: The two differ by more.
        ExportError: The model cannot be converted.
    """
    return prove(
        classical_to_onnx(fitted, features, card.image, backbone, labels=card.labels, name=card.architecture),
        original or original_network(fitted, features, card.image, backbone),
        card,
        packages=(*get_classical(card.architecture).packages, *CONVERTERS),
        images=images,
        max_difference=max_difference,
    )


def classical_to_onnx(
    fitted: FittedClassifier,
    features: Features,
    spec: ImageSpec,
    backbone: Backbone | None = None,
    *,
    labels: tuple[str, ...],
    name: str,
) -> bytes:
    """Return one ONNX network from images through features to probabilities.

    Raises:
        ExportError: The model cannot be converted.
    """
    graph = Graph(spec)
    try:
        probabilities = fitted.add_to(graph, add_features(graph, features, spec, backbone))
    except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(f"cannot convert {name!r} to ONNX: {reason}") from error
    return graph.to_bytes(probabilities, name=OUTPUT_NAME, width=len(labels))


def original_network(
    fitted: FittedClassifier, features: Features, spec: ImageSpec, backbone: Backbone | None = None
) -> Network:
    """Return the model as its library runs it, from images to probabilities."""
    rows = open_features(features, spec, backbone, intra_op_threads=usable_cores())
    return lambda batch: fitted.probabilities(rows(batch))
