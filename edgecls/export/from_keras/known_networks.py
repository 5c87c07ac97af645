"""Networks that are recognised by the names inside them, and the pixels that they usually take.

A network does not say how the pixels were prepared that it was trained on, and wrong ones are no error that a
program could see, only bad answers. Names that public programs give to networks and layers say what is usual.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from edgecls.export.from_keras.saved_model import is_saved_model, names_in_program

__all__ = ["KnownNetwork", "recognise"]


@dataclass(frozen=True)
class KnownNetwork:
    """What a network looks like.

    Attributes:
        what: For messages, as "ResNet50 of keras.applications".
        preset: The convention for pixels that it usually takes, one of PRESETS.
        is_teachable_machine: Whether Teachable Machine exported it, which prepares all images alike.
    """

    what: str
    preset: str
    is_teachable_machine: bool = False


TEACHABLE_MACHINE = KnownNetwork("an export of Teachable Machine", "tensorflow", is_teachable_machine=True)
_TEACHABLE_DENSE = re.compile(r"dense_Dense\d+")  # only its converter names layers like this

_MODEL_NAMES = (  # of keras.applications, in Keras 2 and 3, folded to lower case
    (r"vgg(16|19)", "VGG", "caffe"),
    (r"resnet(50|101|152)", "ResNet", "caffe"),
    (r"resnet(50|101|152)v2", "ResNetV2", "tensorflow"),
    (r"mobilenet_\d\.\d+_\w+", "MobileNet", "tensorflow"),
    (r"mobilenetv2_\d\.\d+_\w+", "MobileNetV2", "tensorflow"),
    (r"mobilenetv3_?(small|large)", "MobileNetV3", "tensorflow"),
    (r"inception_v3", "InceptionV3", "tensorflow"),
    (r"inception_resnet_v2", "InceptionResNetV2", "tensorflow"),
    (r"xception", "Xception", "tensorflow"),
    (r"nasnet(_mobile|_large)?", "NASNet", "tensorflow"),
    (r"densenet(121|169|201)", "DenseNet", "torchvision"),
    (r"efficientnetb\d", "EfficientNet", "none"),
    (r"efficientnetv2-?\w+", "EfficientNetV2", "tensorflow"),
    (r"convnext_\w+", "ConvNeXt", "torchvision"),
)

_LAYER_NAMES = (  # a backbone built into the network leaves the names of its layers
    ({"block1_conv1", "block5_conv3"}, "VGG", "caffe"),
    ({"conv1_conv", "conv2_block1_preact_bn"}, "ResNetV2", "tensorflow"),
    ({"conv1_conv", "conv2_block1_concat"}, "DenseNet", "torchvision"),
    ({"conv1_conv", "conv2_block1_out"}, "ResNet", "caffe"),
    ({"conv_dw_13", "conv_pw_13"}, "MobileNet", "tensorflow"),
    ({"bn_Conv1", "block_16_project"}, "MobileNetV2", "tensorflow"),
    ({"expanded_conv_depthwise", "expanded_conv_project_bn"}, "MobileNetV3", "tensorflow"),
    ({"mixed0", "mixed10"}, "InceptionV3", "tensorflow"),
    ({"mixed_7a", "conv_7b"}, "InceptionResNetV2", "tensorflow"),
    ({"block14_sepconv1", "block14_sepconv2"}, "Xception", "tensorflow"),
    ({"stem_conv1", "normal_concat_12"}, "NASNet", "tensorflow"),
    ({"stem_conv", "block1a_dwconv", "block7a_dwconv"}, "EfficientNet", "none"),
    ({"stem_conv", "block1a_project_conv", "block6a_dwconv2"}, "EfficientNetV2", "tensorflow"),
)

_SCALING = {"Rescaling", "Normalization", "Divide", "TrueDivide", "Multiply", "Subtract", "Stack"}
"""Classes of layers and operations that prepare pixels where they come before the first kernel."""

_SCALING_NAMES = re.compile(r"(rescaling|normalization)(_\d+)?|tf\.math\.(truediv|subtract)(_\d+)?")


def recognise(model: keras.Model, path: Path) -> KnownNetwork | None:
    """Return what a network looks like, or None for one like no other.

    Args:
        model: The network.
        path: Where it comes from; the names inside a SavedModel are read there.
    """
    if is_saved_model(path):
        names = models = names_in_program(path)
        scaling = next((name for name in sorted(names) if _SCALING_NAMES.fullmatch(name)), None)
    else:
        operations = list(_operations(model))
        names = {operation.name for operation in operations}
        models = {model.name, *(operation.name for operation in operations if hasattr(operation, "layers"))}
        scaling = _scaling_at_the_start(operations)
    if any(map(_TEACHABLE_DENSE.fullmatch, names)):
        return TEACHABLE_MACHINE
    found = _application(models, names)
    if scaling is not None:
        inside = f"a network that scales pixels itself (its layer {scaling!r})"
        return KnownNetwork(f"{inside}, with {found[0]} of keras.applications" if found else inside, "none")
    if found is None:
        return None
    design, preset = found
    return KnownNetwork(f"{design} of keras.applications", preset)


def _application(models: set[str], names: set[str]) -> tuple[str, str] | None:
    for pattern, design, preset in _MODEL_NAMES:
        if any(re.fullmatch(pattern, name.lower()) for name in models):
            return design, preset
    for telling, design, preset in _LAYER_NAMES:
        if telling <= names:
            return design, preset
    return None


def _scaling_at_the_start(operations: list[Any]) -> str | None:
    """Return the name of what prepares pixels before the first layer with a kernel, or None."""
    for operation in operations:
        if getattr(operation, "kernel", None) is not None or "Conv" in type(operation).__name__:
            return None
        if type(operation).__name__ in _SCALING:
            return str(operation.name)
    return None


def _operations(model: keras.Model) -> Iterator[Any]:
    """Yield the layers and operations of a network and of the networks inside it, in the order of computation."""
    for operation in getattr(model, "operations", None) or model.layers:
        yield operation
        if hasattr(operation, "layers"):
            yield from _operations(operation)
