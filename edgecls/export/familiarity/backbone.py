"""Backbones: networks cut off at their pooled features, for models that are fitted to these."""

from typing import Any

from edgecls.bundled_model import BUNDLED_BACKBONE
from edgecls.errors import ExportError
from edgecls.export.familiarity.features import find_features
from edgecls.export.familiarity.graph import with_features_output, without_familiarity_output
from edgecls.export.graph.constants import serialized_with, take_constants
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.surgery import all_graphs, drop_unneeded
from edgecls.image_spec import ImageSpec
from edgecls.modelfile import FEATURES_NAME, ModelFile
from edgecls.models.classical.features import Backbone
from edgecls.models.classical.graph import OPSET

__all__ = ["BUNDLED_SIDE", "bundled_backbone", "cut_backbone"]

BUNDLED_SIDE = 224
"""Height and width of the images that the bundled backbone takes, in pixels."""

BUNDLED_NAME = "efficientnet_lite0"


def bundled_backbone(spec: ImageSpec) -> Backbone:
    """Return the backbone that comes with edgecls.

    Its kernels are int8 in the file and float32 here, so that what is made of it runs everywhere as fast as any network
    in float32, and can be quantized like one.

    Args:
        spec: The images it will get: RGB, BUNDLED_SIDE on each side, brought to that size in any way.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    proto = load_onnx_package().load_model_from_string(BUNDLED_BACKBONE.read_bytes())
    proto = _with_float_kernels(proto)
    return Backbone(BUNDLED_NAME, spec, _width(proto), proto)


def cut_backbone(model: ModelFile) -> Backbone:
    """Return a model file's network from the image to the features that its classification sees.

    Args:
        model: Any model file; its labels and its familiarity are dropped.

    Raises:
        ExportError: The network has no such features, or cannot become a part of another one.
        MissingExtraError: The package onnx is not installed.
    """
    name = model.card.name
    onnx = without_familiarity_output(model.onnx)
    found = find_features(onnx)
    if found is None:
        raise ExportError(
            f"model {name!r} ({model.card.architecture}) has no features to take: no layer pools a feature map, and "
            "none is dense; give another backbone"
        )
    package = load_onnx_package()
    proto = package.load_model_from_string(with_features_output(onnx, found))
    graph = proto.graph
    for value in [value for value in graph.output if value.name != FEATURES_NAME]:
        graph.output.remove(value)
    drop_unneeded(graph)
    domains = {node.domain for one in all_graphs(graph) for node in one.node} - {"", "ai.onnx"}
    if domains or len(list(all_graphs(graph))) > 1:
        what = f"operators of {', '.join(sorted(domains))}" if domains else "loops or branches"
        raise ExportError(f"model {name!r} has {what}, so it cannot be a part of another network; give another one")
    version = next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    if version != OPSET:
        try:
            proto = package.version_converter.convert_version(proto, OPSET)
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0]
            raise ExportError(
                f"model {name!r} is written in operators of opset {version} and cannot be brought to {OPSET} "
                f"({reason}); export the original again in another opset"
            ) from error
    return Backbone(name, model.card.image, found.width, proto)


def _width(proto: Any) -> int:
    (features,) = proto.graph.output
    return int(features.type.tensor_type.shape.dim[1].dim_value)


def _with_float_kernels(proto: Any) -> Any:
    """Return a network in which no kernel has to be turned into floats any more."""
    arrays = take_constants(proto.graph)
    for node in [node for node in proto.graph.node if node.op_type == "DequantizeLinear"]:
        values, steps = (arrays[name] for name in node.input)
        arrays[node.output[0]] = values * steps.reshape(-1, *(1,) * (values.ndim - 1))
        proto.graph.node.remove(node)
    return load_onnx_package().load_model_from_string(serialized_with(proto, arrays))
