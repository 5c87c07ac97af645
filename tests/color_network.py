"""A model file of convolutions that tells the colours of `image_folders` apart; its weights are set by hand.

It has what exported networks have: a scaled uint8 input, a Pad of its own, an activation, a sum of two branches, a mean
over the image, a dense layer and a softmax.
"""

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from image_folders import COLORS
from onnx import TensorProto, helper, numpy_helper

from edgecls import image, modelfile
from edgecls.export.proof import golden_answers
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.model_card import Golden, GoldenSample, ModelCard
from edgecls.modelfile import ModelFile

COLOR_SPEC = ImageSpec(height=8, width=8, color=Color.RGB, fit=Fit.STRETCH)
SHARPNESS = 10.0
LAYERS = ("Conv", "Conv", "Conv", "Add", "GlobalAveragePool", "MatMul")
"""Kinds of the nodes that can be int8, in their order."""


def color_onnx(*, outlier: float = 1.0, class_activation: bool = False) -> bytes:
    """Return the bare network.

    Args:
        outlier: What white is in a channel that is not used afterwards, where it is 1 in the others. A large
            number takes all steps of a byte for itself: the first and the second convolution cannot be int8 then.
        class_activation: Add a second output with a convolution of its own.
    """
    colors = np.eye(3, dtype=np.float32)
    first = np.zeros((4, 3, 3, 3), np.float32)
    first[:3, :, 1, 1] = colors
    first[3, :, 1, 1] = outlier / 3
    weights = {
        "scale": np.float32(1 / 255),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "first": first,
        "second": np.concatenate([colors, np.zeros((3, 1), np.float32)], axis=1).reshape(3, 4, 1, 1),
        "third": np.ones((3, 1, 1, 1), np.float32),
        "dense": colors * SHARPNESS / 2,
        "bias": np.array([0.05, -0.05, 0], np.float32),
        "of_labels": colors.reshape(3, 3, 1, 1),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        node("Mul", ["float", "scale"], ["scaled"]),
        node("Transpose", ["scaled"], ["nchw"], perm=[0, 3, 1, 2]),
        node("Pad", ["nchw", "pads"], ["padded"]),
        node("Conv", ["padded", "first"], ["one"]),
        node("Relu", ["one"], ["positive"]),
        node("Conv", ["positive", "second"], ["two"]),
        node("Conv", ["two", "third"], ["three"], group=3),
        node("Add", ["two", "three"], ["sum"]),
        node("GlobalAveragePool", ["sum"], ["mean"]),
        node("Flatten", ["mean"], ["flat"]),
        node("MatMul", ["flat", "dense"], ["product"]),
        node("Add", ["product", "bias"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])]
    if class_activation:
        nodes.append(node("Conv", ["sum", "of_labels"], ["class_activation"]))
        outputs.append(helper.make_tensor_value_info("class_activation", TensorProto.FLOAT, ["N", 3, 8, 8]))
    graph = helper.make_graph(
        nodes,
        "colors",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", *COLOR_SPEC.shape_hwc])],
        outputs,
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    serialized: bytes = model.SerializeToString()
    return serialized


def run_onnx(network: bytes, images: npt.NDArray[np.uint8], output: str = "probabilities") -> npt.NDArray[np.float32]:
    """Return one output of a network for images."""
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    found: npt.NDArray[np.float32] = session.run([output], {"image": images})[0]
    return found


def color_images(per_label: int = 4, seed: int = 5) -> npt.NDArray[np.uint8]:
    """Return images of every colour at the model's size, label by label."""
    rng = np.random.default_rng(seed)
    colors = np.repeat(np.array(list(COLORS.values())), per_label, axis=0)[:, None, None]
    return np.clip(colors + rng.normal(0, 30, (len(colors), *COLOR_SPEC.shape_hwc)), 0, 255).astype(np.uint8)


def color_model_bytes(*, outlier: float = 1.0, class_activation: bool = False, **changes: object) -> bytes:
    """Return the whole model file, with a card that differs from the usual one by `changes`."""
    network = color_onnx(outlier=outlier, class_activation=class_activation)
    samples = {f"sample {index}": pixels for index, pixels in enumerate(color_images(1))}
    facts: dict[str, object] = {
        "name": "colors",
        "labels": tuple(COLORS),
        "image": COLOR_SPEC,
        "architecture": "color_network",
        "golden": golden_answers(lambda images: run_onnx(network, images), samples, name="colors"),
        "temperature": 1.25,
        "metrics": {"validation_accuracy": 1.0},
        "training": {"epochs": 3},
    }
    return modelfile.describe(network, ModelCard(**{**facts, **changes}))  # type: ignore[arg-type]


def color_model(*, outlier: float = 1.0, class_activation: bool = False, **changes: object) -> ModelFile:
    """Return the same as a model file in memory."""
    described = color_model_bytes(outlier=outlier, class_activation=class_activation, **changes)
    return modelfile.model_from_bytes(described, name="colors.onnx")


def unsure_golden() -> Golden:
    """Return a golden sample whose answer is nearly that all labels are equally likely: the network is far off."""
    encoded = image.encode_png(color_images(1)[0])
    return Golden(1e-3, (GoldenSample("unsure", encoded, (0.334, 0.333, 0.333)),))


def weights_of(network: bytes) -> dict[str, npt.NDArray[np.generic]]:
    """Return the constants of a network by their names."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(network).graph.initializer}
